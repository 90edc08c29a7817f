/** The graph layer: what models, objectives and loops are written with. */
import './methods.ts';
import './missing-properties.ts';

export type { Dtype } from '../../bridge/protocol/graph-spec.ts';
export * from './functions/arithmetic.ts';
export * from './functions/elementwise.ts';
export * from './functions/layers.ts';
export * from './functions/indexing.ts';
export * from './functions/linear-algebra.ts';
export * from './functions/losses.ts';
export * from './functions/normalization.ts';
export * from './functions/ordering.ts';
export * from './functions/pointwise.ts';
export * from './functions/rearranging.ts';
export * from './functions/reductions.ts';
export * from './functions/shapes.ts';
export * from './functions/sources.ts';
export { dim, type Dims, type NamedDim } from './dims.ts';
export * from './functions/windows.ts';
export { requireName, requireShape, shown } from './declared.ts';
export { checkpoint } from './checkpoint.ts';
export { debug, refuseProbes, unobserved, type ProbeOptions } from './debug.ts';
export { GraphError, type GraphCode } from './errors.ts';
export { checkLoss, parametersReached } from './gradients.ts';
export {
  keySpec,
  tensorSpec,
  trace,
  type Graph,
  type Inputs,
  type InputSpecs,
  type Outputs,
  type TensorSpec,
} from './graph.ts';
export { initializationOf, initializationKeys } from './initialization.ts';
export { formatObservation } from './format-observation.ts';
export {
  failedAssertion,
  observationsOf,
  withoutProbes,
  type FailedAssertion,
  type Observation,
} from './observation.ts';
export { parameter, scope } from './parameters.ts';
export { printGraph } from './print.ts';
export { scan, type ScanOptions, type ScanStep } from './scan.ts';
export {
  authorFrames,
  captureCallSite,
  formatFrame,
  isLibrary,
  quoteSource,
  sourceLine,
  type CallSite,
  type Frame,
} from './location.ts';
export { Tensor } from './tensor.ts';
export { describeOrigin as describeTensor, type Initializer, type ParameterDeclaration } from './trace.ts';
export { valueSpecs } from './values.ts';
export { verify } from './verify.ts';

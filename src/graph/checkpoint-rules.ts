/** Shape and dtype rules of `checkpoint`, from the graph of its body. */
import { shapeFault } from './errors.ts';
import { define, inputAt, type NoAttributes } from './ops/definition.ts';
import { formatSpec } from './spec-format.ts';
import { valueSpecs } from './values.ts';

export const checkpointOps = {
  /** inputs: [inputs of the body, parameters]; results: outputs of the body. */
  'srwm.checkpoint': define<NoAttributes>({
    shape: (inputs, _, body) => {
      if (body === null) throw new Error('internal: checkpoint without a body');
      [...body.inputs, ...body.parameters].forEach((wanted, i) => {
        const [given, needed] = [formatSpec(inputAt(inputs, i)), formatSpec(wanted)];
        if (given !== needed) shapeFault(`"${wanted.name}" must be ${needed}, got ${given}`);
      });
      return resultsOf(body).map(({ shape }) => [...shape]);
    },
    dtype: (_inputs, _, body) => (body === null ? [] : resultsOf(body).map(({ dtype }) => dtype)),
    print: (inputs) => `checkpoint(${inputs.join(', ')})`,
  }),
};

function resultsOf(body: Parameters<typeof valueSpecs>[0]) {
  const values = valueSpecs(body);
  return body.outputs.map(({ value }) => inputAt(values, value));
}

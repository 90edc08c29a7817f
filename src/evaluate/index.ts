/** Evaluation of agents, and of policies that never look. */
export { evaluate, SPLITS, type EvaluationOptions, type Split } from './evaluate.ts';

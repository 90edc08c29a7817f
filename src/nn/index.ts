/** Layers and how their parameters start. */
export * from './initializers.ts';
export * from './layers.ts';
export * from './precision.ts';
export * from './rewards.ts';

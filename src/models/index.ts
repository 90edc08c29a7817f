/** Agents and their parts. */
export * from './cores/index.ts';
export * from './encoders.ts';
export * from './policy.ts';
export * from './schemes.ts';

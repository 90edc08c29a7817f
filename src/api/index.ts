/** Public forms of parts that the layers below want whole: here what is left out is the configuration's default. */
export * from './models.ts';
export * from './objectives.ts';

/** Looking at graphs: their text with lines, differences, costs and a picture. */
export { graphCost, nodeCosts, type Cost } from './cost.ts';
export { diffGraphs } from './diff.ts';
export { lineTimes, type LineTime } from './line-times.ts';
export { listGraph } from './listing.ts';
export { moduleRows, moduleTable, type ModuleRow } from './modules.ts';
export { drawGraph } from './picture.ts';

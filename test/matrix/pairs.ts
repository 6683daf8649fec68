/** The versions of Node.js and Node-RED that this package is tested on. */

export interface Pair {
  /** Major version. */
  node: number;
  /** Minor version. */
  red: string;
}

/** The versions of Node-RED, each with the versions of Node.js that it starts on (tested; it refuses the others itself). */
const STARTS_ON: Readonly<Record<string, readonly number[]>> = {
  '2.2': [14, 16, 18, 20, 22],
  // On Node.js 24 it ends with "util.log is not a function", as 2.2 does.
  3.1: [14, 16, 18, 20, 22],
  4.1: [18, 20, 22, 24],
  '5.0': [22, 24],
};

/** Of each Node-RED's the oldest and the newest Node.js; with MATRIX=all each of them. */
const tried = (nodes: readonly number[]): readonly number[] =>
  process.env.MATRIX === 'all' ? nodes : nodes.filter((_, at) => at === 0 || at === nodes.length - 1);

export const PAIRS: readonly Pair[] = Object.entries(STARTS_ON).flatMap(([red, nodes]) =>
  tried(nodes).map((node) => ({ node, red })),
);

/** The npm that came with each Node.js. */
export const NPM_OF: Readonly<Record<number, number>> = { 14: 6, 16: 8, 18: 10, 20: 10, 22: 10, 24: 11 };

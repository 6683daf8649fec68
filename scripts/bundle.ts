/** How the bundles are made of what runs on the device; see docs/decisions/packed-in-bundles.md. */
import type { BuildOptions } from 'esbuild';

export const BUNDLE = {
  bundle: true,
  platform: 'node',
  // The oldest Node.js the package runs on.
  target: 'node14.18',
  // A module that is loaded later is loaded by `require`: the program runs as a script that has no `import()` (agent/load.ts).
  supported: { 'dynamic-import': false },
  minifyWhitespace: true,
  minifySyntax: true,
  metafile: true,
} as const satisfies BuildOptions;

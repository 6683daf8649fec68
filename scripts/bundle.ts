/** How the code that runs on the device is bundled; see docs/decisions/packed-in-bundles.md. */
import type { BuildOptions } from 'esbuild';

export const BUNDLE = {
  bundle: true,
  platform: 'node',
  // The oldest Node.js the package runs on.
  target: 'node14.18',
  // Modules loaded on demand use `require`: the program runs as a script without `import()` (agent/load.ts).
  supported: { 'dynamic-import': false },
  minifyWhitespace: true,
  minifySyntax: true,
  metafile: true,
} as const satisfies BuildOptions;

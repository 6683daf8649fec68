/** Copies what the compiler does not: editor HTML, locales and icons, to beside the compiled nodes where Node-RED looks for them. */
import { cpSync, existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(__dirname, '..', '..');
const target = join(root, 'dist', 'nodes');

for (const name of readdirSync(join(root, 'nodes'))) {
  if (name.endsWith('.html') || name === 'locales') {
    cpSync(join(root, 'nodes', name), join(target, name), { recursive: true });
  }
}
if (existsSync(join(root, 'icons'))) cpSync(join(root, 'icons'), join(target, 'icons'), { recursive: true });

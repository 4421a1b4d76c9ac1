import { readdirSync, readFileSync } from 'node:fs';

/** A file that people write: its path from the top of the repository, with slashes, and what is in it. */
export type SourceFile = { readonly path: string; readonly text: string };
export type Violation = { readonly path: string; readonly line: number; readonly rule: string };

const written = /\.(?:ts|js|css)$/;
/** Not ours, or made by running something. */
const skipped = new Set(['node_modules', 'data', 'coverage']);

/** Reads all of them; folders whose name begins with a dot are left out. */
export function readSourceFiles(root: URL, folder = ''): SourceFile[] {
  return readdirSync(new URL(folder, root), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}${entry.name}`;
    if (entry.name.startsWith('.') || skipped.has(entry.name)) return [];
    if (entry.isDirectory()) return readSourceFiles(root, `${path}/`);
    return entry.isFile() && written.test(path) ? [{ path, text: readFileSync(new URL(path, root), 'utf8') }] : [];
  });
}

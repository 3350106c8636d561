// Fails if the script that a page needs before its first paint is above the budget.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const BUDGET = 60_000;
const manifest = JSON.parse(readFileSync('dist/.vite/manifest.json', 'utf8'));

function scripts(entry, seen = new Set()) {
  const chunk = manifest[entry];
  if (!chunk || seen.has(chunk.file)) return seen;
  seen.add(chunk.file);
  for (const next of chunk.imports ?? []) scripts(next, seen);
  return seen;
}

let failed = false;
for (const page of ['index.html', 'room.html', 'account.html', 'docs.html']) {
  const files = [...scripts(page)].filter((file) => file.endsWith('.js'));
  if (files.length === 0) throw new Error(`${page} is not in the build: run npm run build first`);
  const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(`dist/${file}`)).length, 0);
  failed ||= bytes > BUDGET;
  console.log(`${page}: ${bytes} bytes of script before first paint, at most ${BUDGET}`);
}
process.exit(failed ? 1 : 0);

// What the other checks need to know of the workspace: its packages, their manifests and layers.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));

/** Every workspace package: folder (relative to the root), manifest, and its layer. */
export const packages = ['packages', 'tools'].flatMap((parent) =>
  readdirSync(`${root}${parent}`)
    .map((name) => `${parent}/${name}`)
    .filter((folder) => existsSync(`${root}${folder}/package.json`))
    .map((folder) => {
      const manifest = JSON.parse(readFileSync(`${root}${folder}/package.json`, 'utf8'));
      const tag = manifest.nx?.tags?.find((candidate) => candidate.startsWith('layer:'));
      if (tag === undefined) throw new Error(`${folder}: package.json has no "layer:N" tag`);
      return { folder, name: manifest.name, manifest, layer: Number(tag.slice('layer:'.length)) };
    }),
);

export const published = packages.filter(({ manifest }) => manifest.private !== true);

/** Prints the problems, and ends the process with 1 when there are any. */
export function report(check, problems) {
  for (const problem of problems) console.error(`${check}: ${problem}`);
  if (problems.length > 0) process.exit(1);
  console.log(`${check}: ok`);
}

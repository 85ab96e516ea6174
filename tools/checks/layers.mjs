// A package depends on packages of lower layers only, and its sources import only what it declares.
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { packages, report, root } from './workspace.mjs';

const layerOf = new Map(packages.map(({ name, layer }) => [name, layer]));
const builtins = new Set(builtinModules.flatMap((name) => [name, `node:${name}`]));
const IMPORT =
  /(?:^|[\s;])(?:import|export)\s(?:[^'"`;]*?\sfrom\s)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g;

/** What `verify` needs runs in browsers: no Node module there, but in the policy worker. */
const BROWSER_SAFE = { 'packages/attestationreport': /^src\/policy\//, 'packages/bytes': /^$/ };

const problems = packages.flatMap(({ folder, name, layer, manifest }) => {
  const declared = {
    ...manifest.dependencies,
    ...manifest.peerDependencies,
    ...manifest.optionalDependencies,
    // What is never published may import what it only needs here.
    ...(manifest.private === true ? manifest.devDependencies : {}),
  };
  const upwards = Object.keys(declared)
    .filter((dependency) => (layerOf.get(dependency) ?? -1) >= layer)
    .map(
      (dependency) =>
        `${name} (layer ${layer}) must not depend on ${dependency} (layer ${layerOf.get(dependency)})`,
    );
  const imports = sourceFiles(folder).flatMap((file) =>
    importedModules(file).flatMap((module) => problemOfImport(folder, file, module, declared)),
  );
  return [...upwards, ...imports];
});
report('layers', problems);

function problemOfImport(folder, file, module, declared) {
  if (module.startsWith('.')) {
    return module.includes('/packages/') ? [`${file} reaches into another package: ${module}`] : [];
  }
  if (builtins.has(module)) {
    const allowed = BROWSER_SAFE[folder];
    const inPackage = file.slice(folder.length + 1);
    return allowed === undefined || allowed.test(inPackage)
      ? []
      : [`${file} imports ${module}, but this package must run in browsers`];
  }
  const [first, second] = module.split('/');
  const dependency = module.startsWith('@') ? `${first}/${second}` : first;
  return dependency in declared
    ? []
    : [`${file} imports ${dependency}, which package.json does not declare`];
}

function sourceFiles(folder) {
  return readdirSync(`${root}${folder}/src`, { recursive: true })
    .filter((file) => /\.(ts|js|mjs)$/.test(file))
    .map((file) => `${folder}/src/${file}`);
}

function importedModules(file) {
  const text = readFileSync(`${root}${file}`, 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  return [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2]);
}

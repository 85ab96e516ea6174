import { defineConfig } from 'vitest/config';

// Shared by every package: tests run the TypeScript sources of all packages, without a build.
const conditions = ['@cmc/source', 'node', 'import', 'module', 'default'];
// Node gets these as its --conditions: 'import' among them would hold for every require(), too.
const nodeConditions = ['@cmc/source', 'node'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions: nodeConditions, externalConditions: nodeConditions } },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    passWithNoTests: false,
    maxWorkers: 2,
  },
});

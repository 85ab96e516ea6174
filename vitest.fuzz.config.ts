import { defineConfig } from 'vitest/config';

// Fuzz targets of every package (`npm run fuzz`): they run the TypeScript sources of all packages, without a build.
// Not 'import': Node would take it for require(), too.
const conditions = ['@cmc/source', 'node'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ['test/**/*.fuzz.ts'],
    testTimeout: 600_000,
    hookTimeout: 30_000,
    passWithNoTests: false,
    maxWorkers: 2,
  },
});

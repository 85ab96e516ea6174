import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url));

/** Folder of the test vectors: `CMC_VECTORS`, else `shared/vectors` beside the repository. */
export function vectorsDir(): string {
  const { CMC_VECTORS } = process.env;
  return CMC_VECTORS ?? join(REPOSITORY, '..', 'shared', 'vectors');
}

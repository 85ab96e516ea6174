import { fileURLToPath } from 'node:url';
import {
  type GrpcObject,
  loadPackageDefinition,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const FOLDER = fileURLToPath(new URL('../../proto', import.meta.url));

/** The service `path` as the stock libraries read it from a `.proto` file, and nothing of ours. */
export function stockService(file: string, path: string): ServiceClientConstructor {
  const definition = loadSync(`${FOLDER}/${file}`, {
    includeDirs: [FOLDER],
    keepCase: true,
    defaults: true,
    oneofs: true,
  });
  let at: unknown = loadPackageDefinition(definition);
  for (const name of path.split('.')) at = (at as GrpcObject)[name];
  return at as ServiceClientConstructor;
}

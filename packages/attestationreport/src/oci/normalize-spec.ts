import { DecodeError, encodeUtf8 } from '@cmc/bytes';
import { parseJson } from '../codec/index.ts';
import type { JsonObject, JsonValue } from '../types/report.ts';
import { conformSpec } from './conform-spec.ts';
import { isJsonArray, isJsonObject, member, withMembers } from './json-values.ts';
import { sortSpec } from './sort-spec.ts';

const CONTAINER_ID = '<container-id>';
const SHORT_ID_LENGTH = 12;
const DOCKER_VOLUMES = '/var/lib/docker/volumes/';
// The container id is a placeholder already when this is matched.
const KATA_MOUNT =
  /^(\/run\/kata-containers\/shared\/containers\/<container-id>-)[0-9a-f]{16}(-[a-z][a-z0-9-]*)$/;

export interface NormalizeOciSpecOptions {
  /** Id of the container; it and its first 12 characters become `<container-id>`. */
  readonly containerId: string;
  /** Real path behind a symbolic link; throws when there is none. */
  readonly resolvePath: (path: string) => string;
}

/**
 * An OCI runtime configuration (text of `config.json`) without what differs between two starts of
 * one container: ids, host name, annotations, terminal, root path, generated mount sources. Its
 * {@link specDigest} is what a container runtime measures.
 * @throws {DecodeError} not a runtime configuration
 */
export function normalizeOciSpec(config: string, options: NormalizeOciSpecOptions): JsonObject {
  const { containerId, resolvePath } = options;
  if (containerId === '') throw new RangeError('containerId: expected a text that is not empty');
  const text = config
    .replaceAll(containerId, CONTAINER_ID)
    .replaceAll(containerId.slice(0, SHORT_ID_LENGTH), CONTAINER_ID);
  const parsed = parseJson(encodeUtf8(text));
  if (!isJsonObject(parsed)) throw notASpec('expected an object');
  const spec = conformSpec(parsed);
  const process = member(spec, 'process');
  if (!isJsonObject(process)) throw notASpec('expected a member process');
  return sortSpec(
    withMembers(spec, {
      process: withMembers(process, { terminal: undefined, consoleSize: undefined }),
      root: undefined,
      hostname: undefined,
      annotations: undefined,
      ...changed(spec, 'hooks', (hooks) => normalizeHooks(hooks, resolvePath)),
      ...changed(spec, 'mounts', (mounts) => mapObjects(mounts, normalizeMount)),
    }),
  );
}

function normalizeHooks(hooks: JsonValue, resolvePath: (path: string) => string): JsonValue {
  if (!isJsonObject(hooks)) return hooks;
  return withMembers(
    hooks,
    changed(hooks, 'prestart', (prestart) =>
      mapObjects(prestart, (hook) =>
        withMembers(hook, {
          path: resolvePath(String(member(hook, 'path'))),
          ...changed(hook, 'args', normalizeHookArgs),
        }),
      ),
    ),
  );
}

/** Docker passes the random id of its network controller as fourth argument. */
function normalizeHookArgs(args: JsonValue): JsonValue {
  if (!isJsonArray(args) || args[0] !== 'libnetwork-setkey') return args;
  const isId = typeof args[3] === 'string' && /^[0-9a-fA-F]{12}$/.test(args[3]);
  return isId ? args.with(3, '<docker-network-controller-id>') : args;
}

function normalizeMount(mount: JsonObject): JsonObject {
  return withMembers(
    mount,
    changed(mount, 'source', (source) => {
      if (typeof source !== 'string') return source;
      if (source.startsWith(DOCKER_VOLUMES)) return '<docker-volume>';
      return source.replace(KATA_MOUNT, '$1<kata-mount-hash>$2');
    }),
  );
}

function changed(
  object: JsonObject,
  key: string,
  change: (value: JsonValue) => JsonValue,
): Readonly<Record<string, JsonValue>> {
  const value = member(object, key);
  return value === undefined ? {} : { [key]: change(value) };
}

function mapObjects(value: JsonValue, map: (object: JsonObject) => JsonObject): JsonValue {
  if (!isJsonArray(value)) return value;
  return value.map((element) => (isJsonObject(element) ? map(element) : element));
}

function notASpec(message: string): DecodeError {
  return new DecodeError('ERR_DECODE_TYPE', message, { path: ['ociSpec'], offset: 0 });
}

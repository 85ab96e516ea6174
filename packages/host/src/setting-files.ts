import { readFile } from 'node:fs/promises';
import { ConfigError } from './config.ts';

/** Contents of the file that a setting names. @throws {ConfigError} */
export async function readSettingFile(path: string, setting: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new ConfigError('ERR_CONFIG_UNREADABLE', `${setting}: cannot read ${path}`, {
      cause: error,
    });
  }
}

/**
 * What `parse` finds in the files that a setting names, in their order. It is given what files before
 * had, too.
 * @throws {ConfigError} names the setting, the file, and why it cannot be read or what `parse` threw
 */
export async function readSettingFiles<T>(
  paths: readonly string[],
  setting: string,
  parse: (content: Uint8Array, before: readonly T[]) => readonly T[],
): Promise<readonly T[]> {
  const found: T[] = [];
  for (const path of paths) {
    const content = new Uint8Array(await readSettingFile(path, setting));
    try {
      found.push(...parse(content, found));
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new ConfigError('ERR_CONFIG_VALUE', `${setting}: ${path} cannot be used: ${reason}`, {
        cause,
      });
    }
  }
  return found;
}

import { onTestFinished } from 'vitest';
import {
  createKeyManager,
  type KeyManager,
  type KeyManagerOptions,
} from '../../src/keys/key-manager.ts';

/** A key manager until the test is over, with reports that say nothing. */
export async function openKeyManager(
  options: Partial<KeyManagerOptions> & Pick<KeyManagerOptions, 'enroller'>,
): Promise<KeyManager> {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const report = async (): Promise<Uint8Array> => new Uint8Array(0);
  return await createKeyManager({ report, signal: stop.signal, ...options });
}

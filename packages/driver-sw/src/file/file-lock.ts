import { randomUUID } from 'node:crypto';
import { lstat, readFile, readlink, symlink, unlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WaitOptions } from '@cmc/attestationreport';
import { hasCode, unlessMissing } from './fs-errors.ts';

export interface FileLockOptions extends WaitOptions {
  /** How long to wait for the lock. */
  readonly timeoutMs: number;
  /**
   * Puts in order what an owner left that was killed, and makes it harmless should it only have
   * slept. Called before the lock passes on.
   */
  readonly recover: () => Promise<void>;
}

/** The lock was not released within the time. */
export class LockTimeout extends Error {
  override readonly name = 'LockTimeout';
}

/** After this time a lock counts as abandoned, whatever became of its owner. */
export const MAX_HOLD_MS = 30_000;
const POLL_MS = 5;

/**
 * Runs `action` while nothing else, here and in other processes of this computer, holds the lock.
 *
 * The lock is a symbolic link whose target names its owner: content and all, it is made in one step.
 * It is abandoned when its owner is dead, or after {@link MAX_HOLD_MS} (owners in other PID
 * namespaces cannot be seen). Who may then remove it is decided by a lock of the same kind that is
 * named after the owner.
 *
 * @throws {LockTimeout}
 */
export async function withFileLock<T>(
  path: string,
  options: FileLockOptions,
  action: () => Promise<T>,
): Promise<T> {
  const me = await acquire(path, options);
  try {
    return await action();
  } finally {
    if ((await ownerOf(path)) === me) await unlink(path).catch(unlessMissing);
  }
}

async function acquire(path: string, options: FileLockOptions): Promise<string> {
  const { signal, timeoutMs } = options;
  const deadline = performance.now() + timeoutMs;
  const me = `${await processName()}/${randomUUID()}`;
  for (;;) {
    signal?.throwIfAborted();
    if (await tryLink(me, path)) return me;
    const owner = await ownerOf(path);
    if (owner !== undefined && (await isAbandoned(path, owner))) {
      await removeAbandoned(path, owner, options);
      continue;
    }
    if (performance.now() > deadline) throw new LockTimeout(`${path} is held by ${owner}`);
    await sleep(POLL_MS * (0.5 + Math.random()), undefined, signal === undefined ? {} : { signal });
  }
}

async function tryLink(target: string, path: string): Promise<boolean> {
  try {
    await symlink(target, path);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

async function removeAbandoned(
  path: string,
  owner: string,
  options: FileLockOptions,
): Promise<void> {
  const permission = `${path}.${owner.slice(owner.lastIndexOf('/') + 1)}`;
  await withFileLock(permission, options, async () => {
    // Only the holder of this permission removes a lock of this owner; another may have done so.
    if ((await ownerOf(path)) !== owner) return;
    await options.recover();
    await unlink(path).catch(unlessMissing);
  });
}

async function ownerOf(path: string): Promise<string | undefined> {
  return await readlink(path).catch(unlessMissing);
}

async function isAbandoned(path: string, owner: string): Promise<boolean> {
  const made = (await lstat(path).catch(unlessMissing))?.mtimeMs;
  if (made === undefined) return false;
  if (Date.now() - made > MAX_HOLD_MS) return true;
  const [namespace, pid, start] = owner.split('/');
  return namespace === (await pidNamespace()) && start !== (await startOf(Number(pid)));
}

/** Tells this process from all others on this computer, also from later ones with the same id. */
async function processName(): Promise<string> {
  return `${await pidNamespace()}/${process.pid}/${await startOf(process.pid)}`;
}

async function pidNamespace(): Promise<string> {
  return (await readlink('/proc/self/ns/pid').catch(unlessMissing)) ?? '';
}

/** When a process started: ticks since boot where /proc is, else only whether it runs. */
async function startOf(pid: number): Promise<string> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (hasCode(error, 'ESRCH')) return 'ended';
  }
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch((error: unknown) => {
    // A process that ends between opening and reading its file.
    if (hasCode(error, 'ESRCH')) return 'ended';
    return unlessMissing(error);
  });
  if (stat === 'ended') return stat;
  // The name in parentheses may hold anything; field 22 is the twentieth after it.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? 'running';
}

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { WaitOptions } from '@cmc/attestationreport';
import { fromHex } from '@cmc/bytes';
import { SoftwareDriverError } from '../errors.ts';

const PROGRAM = 'getfattr';
const ATTRIBUTE = 'security.capability';
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

const run = promisify(execFile);

/**
 * Values of the extended attribute `security.capability` below a folder, by path (latin1, so that
 * every byte is one character). Node cannot read extended attributes.
 * @throws {SoftwareDriverError} ERR_ROOTFS_CAPABILITIES
 */
export async function readCapabilities(
  folder: string,
  { signal }: WaitOptions,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const select = ['--dump', '--match=^security\\.capability$', '--encoding=hex'];
  const where = ['--recursive', '--physical', '--no-dereference', '--absolute-names'];
  try {
    const { stdout } = await run(PROGRAM, [...select, ...where, '--', folder], {
      encoding: 'latin1',
      maxBuffer: MAX_OUTPUT_BYTES,
      ...(signal === undefined ? {} : { signal }),
    });
    return parseDump(stdout);
  } catch (cause) {
    signal?.throwIfAborted();
    throw new SoftwareDriverError(
      'ERR_ROOTFS_CAPABILITIES',
      `${folder}: file capabilities cannot be read: ${PROGRAM} (package attr) did not run or failed`,
      { cause },
    );
  }
}

/** Output of getfattr: paragraphs of a comment with the path and `name=0xhex`. */
function parseDump(text: string): ReadonlyMap<string, Uint8Array> {
  const capabilities = new Map<string, Uint8Array>();
  for (const paragraph of text.split('\n\n')) {
    if (paragraph.trim() === '') continue;
    const [, path, hex] =
      /^# file: (.+)\nsecurity\.capability=0x([0-9a-f]+)$/.exec(paragraph) ?? [];
    if (path === undefined || hex === undefined) throw new Error(`unexpected output of ${PROGRAM}`);
    capabilities.set(unquote(path), fromHex(hex, ATTRIBUTE));
  }
  return capabilities;
}

function unquote(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

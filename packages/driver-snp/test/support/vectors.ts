import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Certificate,
  parseCertificate,
  parsePemCertificates,
} from '@cmc/attestationreport/x509';
import { concatBytes, fromHex } from '@cmc/bytes';
import { vectorsDir } from '@cmc/testkit';

/** A report of a real machine. */
export function vectorReport(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(vectorsDir(), 'snp', name, 'report.bin')));
}

export function vectorCertificate(name: string): Certificate {
  const bytes = readFileSync(join(vectorsDir(), 'snp', name));
  if (!name.endsWith('.pem')) return parseCertificate(new Uint8Array(bytes));
  const [certificate] = parsePemCertificates(bytes.toString());
  if (certificate === undefined) throw new Error(`${name}: no certificate`);
  return certificate;
}

/** The same machine's report over other data, at another level; its signature no longer fits. */
export function reportOver(report: Uint8Array, reportData: Uint8Array, vmpl = 0): Uint8Array {
  const changed = new Uint8Array(report);
  changed.set(reportData, 0x50);
  new DataView(changed.buffer).setUint32(0x30, vmpl, true);
  return changed;
}

const GUIDS = {
  VCEK: '63da758de6644564adc5f4b93be8accd',
  VLEK: 'a8074bc2a25a483eaae639c045a0b8a1',
  ASK: '4ab7b379bbac4fe4a02f05aef327c782',
  ARK: 'c0b406a4a803495297433fb6014cd0ae',
};

/** A certificate table as a host gives it. */
export function certificateTable(
  entries: Partial<Record<keyof typeof GUIDS, Uint8Array>>,
): Uint8Array {
  const list = Object.entries(entries);
  let offset = (list.length + 1) * 24;
  const headers = list.map(([kind, data]) => {
    const header = new Uint8Array(24);
    header.set(fromHex(GUIDS[kind as keyof typeof GUIDS]));
    const view = new DataView(header.buffer);
    view.setUint32(16, offset, true);
    view.setUint32(20, data.length, true);
    offset += data.length;
    return header;
  });
  return concatBytes(...headers, new Uint8Array(24), ...list.map(([, data]) => data));
}

import type { Serialization } from '@cmc/attestationreport';
import { type Certificate, parseCertificate } from '@cmc/attestationreport/x509';
import { createFakeCa, type FakeCa, type FakeSigner, type IssueOptions } from '@cmc/testkit';
import { createParty, type Party, type PartyOptions } from './party.ts';

export interface TestbedOptions {
  /** Form of the metadata: JWS or COSE. Default `json`. */
  readonly serialization?: Serialization;
}

/** Certificate chain and key of one end, PEM. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

/** Authorities that all parties trust, and what these have certified. */
export interface Testbed {
  /** Root of those who may sign metadata. */
  readonly metadataCa: FakeCa;
  /** The same as the `metadataRoots` of verifiers. */
  readonly metadataRoots: readonly Certificate[];
  /** Signs metadata; its certificate is for code signing. */
  readonly metadataSigner: FakeSigner;
  readonly tlsCa: FakeCa;
  readonly tls: {
    /** Root of both certificates, PEM. */
    readonly ca: string;
    /** For localhost and 127.0.0.1. */
    readonly server: TlsIdentity;
    readonly client: TlsIdentity;
  };
  /** A new computer that runs one container; `name` also begins the names of its metadata. */
  party(name: string, options?: PartyOptions): Promise<Party>;
}

/** A world in memory in which parties can attest each other. Takes a few tens of milliseconds. */
export async function createTestbed(options: TestbedOptions = {}): Promise<Testbed> {
  const now = new Date();
  const metadataCa = createFakeCa({ commonName: 'Testbed Metadata CA' });
  const strangerCa = createFakeCa({ commonName: 'Unknown Metadata CA' });
  const tlsCa = createFakeCa({ commonName: 'Testbed TLS CA' });
  const developer: IssueOptions = {
    commonName: 'Testbed Developer',
    extendedKeyUsage: ['codeSigning'],
  };
  const names = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] };
  const [trusted, untrusted, server, client] = await Promise.all([
    metadataCa.issue(developer),
    strangerCa.issue(developer),
    tlsCa.issue({ commonName: 'server', ...names, extendedKeyUsage: ['serverAuth'] }),
    tlsCa.issue({ commonName: 'client', ...names, extendedKeyUsage: ['clientAuth'] }),
  ]);
  const signers = { trusted: trusted.signer, untrusted: untrusted.signer };
  const serialization = options.serialization ?? 'json';
  return {
    metadataCa,
    metadataRoots: [parseCertificate(metadataCa.certificate)],
    metadataSigner: trusted.signer,
    tlsCa,
    tls: {
      ca: tlsCa.pem,
      server: { cert: server.chainPem, key: server.privateKeyPem },
      client: { cert: client.chainPem, key: client.privateKeyPem },
    },
    party: (name, changes = {}) => createParty(name, signers, now, { serialization, ...changes }),
  };
}

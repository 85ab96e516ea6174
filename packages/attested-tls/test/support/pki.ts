import { createFakeCa, type FakeCa, type IssuedCertificate } from '@cmc/testkit';

/** TLS options of one end. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

export const ca: FakeCa = createFakeCa({ commonName: 'TLS CA' });
const strangerCa = createFakeCa({ commonName: 'Unknown CA' });

const local = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] };
export const serverCertificate: IssuedCertificate = await ca.issue({
  commonName: 'server',
  ...local,
});
export const clientCertificate: IssuedCertificate = await ca.issue({ commonName: 'client' });
export const otherServerCertificate: IssuedCertificate = await ca.issue({
  commonName: 'other server',
  ...local,
});
const stranger = await strangerCa.issue({ commonName: 'stranger', ...local });

/** Root that both ends trust. */
export const trusted: { readonly ca: string } = { ca: ca.pem };
export const serverIdentity: TlsIdentity = identity(serverCertificate);
export const otherServerIdentity: TlsIdentity = identity(otherServerCertificate);
export const clientIdentity: TlsIdentity = identity(clientCertificate);
/** Of a CA that nobody trusts. */
export const strangerIdentity: TlsIdentity = identity(stranger);

function identity(issued: IssuedCertificate): TlsIdentity {
  return { cert: issued.chainPem, key: issued.privateKeyPem };
}

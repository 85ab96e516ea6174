import type { AttestationResult, X509CertExtracted } from '@cmc/attestationreport';
import { nameText, signaturesOf } from '../result-parts.ts';
import { type Html, html } from './html.ts';

const MAX_CHAINS = 100;

/** The certificate chains behind every signature, leaf first. */
export function certificatesSection(result: AttestationResult): Html {
  const chains = new Map<
    string,
    { readonly chain: readonly X509CertExtracted[]; what: string[] }
  >();
  for (const { what, signature } of signaturesOf(result)) {
    for (const chain of signature.certs ?? []) {
      if (chain === null) continue;
      const key = chain.map(({ serialNumber, subject }) => `${serialNumber} ${nameText(subject)}`);
      const known = chains.get(key.join('\n'));
      if (known === undefined) chains.set(key.join('\n'), { chain, what: [what] });
      else known.what.push(what);
    }
  }
  const shown = [...chains.values()].slice(0, MAX_CHAINS);
  return html`<section id="certificates" aria-labelledby="h-certificates">
<h2 id="h-certificates">Certificates</h2>
${shown.length === 0 ? html`<p>The result has no certificates.</p>` : shown.map(({ chain, what }) => chainOf(chain, what))}
</section>`;
}

function chainOf(chain: readonly X509CertExtracted[], what: readonly string[]): Html {
  return html`<h3>Signed <bdi>${what.slice(0, 8).join(', ')}</bdi></h3><ol class="chain">${chain.map(certificate)}</ol>
`;
}

function certificate(one: X509CertExtracted): Html {
  const { subject, issuer, serialNumber, validity, signatureAlgorithm, keyUsage } = one;
  return html`<li><details><summary><bdi>${nameText(subject)}</bdi></summary><dl>
<dt>Issuer</dt><dd><bdi>${nameText(issuer)}</bdi></dd>
<dt>Serial number</dt><dd><code>${serialNumber}</code></dd>
<dt>Valid</dt><dd>${validity.notBefore} to ${validity.notAfter}</dd>
<dt>Key</dt><dd>${one.publicKeyAlgorithm}, signed with ${signatureAlgorithm}</dd>
<dt>For</dt><dd>${[...(keyUsage ?? []), ...(one.extKeyUsage ?? [])].join(', ') || 'anything'}${one.isCA === true ? ', CA' : ''}</dd>
</dl></details></li>`;
}

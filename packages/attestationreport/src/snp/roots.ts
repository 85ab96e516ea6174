import type { Certificate } from '../x509/index.ts';
import { fingerprint } from '../x509/index.ts';
import type { SnpProduct } from './product.ts';
import { SNP_PRODUCTS } from './product.ts';

/** SHA-256 of AMD's root keys' certificates (ARK, DER), by generation, in hex. */
export const AMD_ROOT_FINGERPRINTS: Readonly<Record<SnpProduct, string>> = Object.freeze({
  Milan: '69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd',
  Genoa: '4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1',
  Turin: '1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a',
});

/**
 * The generation whose root `certificate` is, or `undefined` when it is nobody's. `roots` replace
 * AMD's, each for the generation that its common name says.
 */
export function productOfRoot(
  certificate: Certificate,
  roots: readonly Certificate[] | undefined,
): SnpProduct | undefined {
  const print = fingerprint(certificate);
  if (roots === undefined) {
    return SNP_PRODUCTS.find((product) => AMD_ROOT_FINGERPRINTS[product] === print);
  }
  if (!roots.some((root) => fingerprint(root) === print)) return undefined;
  return SNP_PRODUCTS.find((product) => commonNameOf(certificate) === `ARK-${product}`);
}

/** Common name of the subject; `undefined` when there is none or more than one. */
export function commonNameOf({ subjectName }: Certificate): string | undefined {
  const names = subjectName.attributes.filter(({ oid }) => oid === '2.5.4.3');
  return names.length === 1 ? names[0]?.value : undefined;
}

/** Processor generations with SEV-SNP, by the names in the addresses of the service. */
export const PRODUCTS = ['Milan', 'Genoa', 'Turin'] as const;
export type Product = (typeof PRODUCTS)[number];

/** SHA-256, hex, of the root certificates (ARK), DER. */
export type ArkPins = Readonly<Record<Product, string>>;

/** The roots of AMD. */
export const AMD_ARK_PINS: ArkPins = Object.freeze({
  Milan: '69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd',
  Genoa: '4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1',
  Turin: '1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a',
});

export function isProduct(text: string): text is Product {
  return (PRODUCTS as readonly string[]).includes(text);
}

/** Bytes of a chip id in the certificate: from Turin on, the other 56 of a report are zero. */
export function chipIdLength(product: Product): number {
  return product === 'Turin' ? 8 : 64;
}

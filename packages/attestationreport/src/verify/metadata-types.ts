/** Values of `type` in metadata. */
export const MANIFEST = 'Manifest';
export const IMAGE_DESCRIPTION = 'Image Description';
export const COMPANY_DESCRIPTION = 'Company Description';
export const OMSP_RESPONSE = 'OMSP Response';

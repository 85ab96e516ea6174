/** Command codes (Part 2, section 6.5.2). */
export const TPM_CC = {
  NV_UndefineSpace: 0x0122,
  EvictControl: 0x0120,
  NV_DefineSpace: 0x012a,
  CreatePrimary: 0x0131,
  NV_Write: 0x0137,
  PCR_Event: 0x013c,
  PCR_Reset: 0x013d,
  SequenceComplete: 0x013e,
  Startup: 0x0144,
  Shutdown: 0x0145,
  ActivateCredential: 0x0147,
  Certify: 0x0148,
  CertifyCreation: 0x014a,
  GetTime: 0x014c,
  NV_Read: 0x014e,
  PolicySecret: 0x0151,
  Create: 0x0153,
  Load: 0x0157,
  Quote: 0x0158,
  SequenceUpdate: 0x015c,
  Sign: 0x015d,
  Unseal: 0x015e,
  FlushContext: 0x0165,
  LoadExternal: 0x0167,
  MakeCredential: 0x0168,
  NV_ReadPublic: 0x0169,
  PolicyAuthValue: 0x016b,
  PolicyCommandCode: 0x016c,
  PolicyOR: 0x0171,
  ReadPublic: 0x0173,
  StartAuthSession: 0x0176,
  GetCapability: 0x017a,
  GetRandom: 0x017b,
  PCR_Read: 0x017e,
  PolicyPCR: 0x017f,
  PCR_Extend: 0x0182,
  HashSequenceStart: 0x0186,
  PolicyGetDigest: 0x0189,
} as const;

/** Permanent handles (Part 2, section 7.4). */
export const TPM_RH = {
  OWNER: 0x4000_0001,
  NULL: 0x4000_0007,
  PASSWORD: 0x4000_0009,
  LOCKOUT: 0x4000_000a,
  ENDORSEMENT: 0x4000_000b,
  PLATFORM: 0x4000_000c,
} as const;

/** First handles of the ranges that `Tpm.handles` lists (Part 2, section 7.2). */
export const TPM_HT = {
  NV_INDEX: 0x0100_0000,
  LOADED_SESSION: 0x0200_0000,
  SAVED_SESSION: 0x0300_0000,
  TRANSIENT: 0x8000_0000,
  PERSISTENT: 0x8100_0000,
} as const;

/** Properties of a TPM, for `Tpm.properties` (Part 2, section 6.13). */
export const TPM_PT = {
  FAMILY_INDICATOR: 0x100,
  LEVEL: 0x101,
  REVISION: 0x102,
  MANUFACTURER: 0x105,
  VENDOR_STRING_1: 0x106,
  VENDOR_STRING_2: 0x107,
  VENDOR_STRING_3: 0x108,
  VENDOR_STRING_4: 0x109,
  FIRMWARE_VERSION_1: 0x10b,
  FIRMWARE_VERSION_2: 0x10c,
  INPUT_BUFFER: 0x10d,
  MAX_DIGEST: 0x120,
  NV_BUFFER_MAX: 0x12c,
} as const;

/** Bits of TPMA_NV (Part 2, section 13.4). */
export const TPMA_NV = {
  PPWRITE: 0x0000_0001,
  OWNERWRITE: 0x0000_0002,
  AUTHWRITE: 0x0000_0004,
  POLICYWRITE: 0x0000_0008,
  PPREAD: 0x0001_0000,
  OWNERREAD: 0x0002_0000,
  AUTHREAD: 0x0004_0000,
  POLICYREAD: 0x0008_0000,
  NO_DA: 0x0200_0000,
  WRITTEN: 0x2000_0000,
  PLATFORMCREATE: 0x4000_0000,
} as const;

export const TPM_ST_NO_SESSIONS = 0x8001;
export const TPM_ST_SESSIONS = 0x8002;

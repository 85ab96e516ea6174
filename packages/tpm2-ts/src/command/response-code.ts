/** A TPM_RC taken apart (Part 2, section 6.6). */
export interface ResponseCode {
  /** The number as it came, with the layer of the resource manager in its upper half. */
  readonly code: number;
  /** Without TPM_RC_: `AUTH_FAIL`, or `UNKNOWN`. */
  readonly name: string;
  /** Whether the command may work later; others will not. */
  readonly isWarning: boolean;
  /** What it is about, counted from 1, when the TPM says so. */
  readonly about?: { readonly type: 'handle' | 'parameter' | 'session'; readonly number: number };
  /** What it means. */
  readonly meaning: string;
}

type Table = Readonly<Record<number, readonly [name: string, meaning: string]>>;

/** Format one: about a handle, a parameter or a session. */
const ABOUT_SOMETHING: Table = {
  1: ['ASYMMETRIC', 'asymmetric algorithm not supported or not correct'],
  2: ['ATTRIBUTES', 'inconsistent attributes'],
  3: ['HASH', 'hash algorithm not supported or not appropriate'],
  4: ['VALUE', 'value is out of range or not correct for the context'],
  5: ['HIERARCHY', 'hierarchy is not enabled or not correct for the use'],
  7: ['KEY_SIZE', 'key size is not supported'],
  8: ['MGF', 'mask generation function not supported'],
  9: ['MODE', 'mode of operation not supported'],
  10: ['TYPE', 'the type of the value is not appropriate'],
  11: ['HANDLE', 'the handle is not correct for the use'],
  12: ['KDF', 'key derivation function not supported'],
  13: ['RANGE', 'value was out of the allowed range'],
  14: ['AUTH_FAIL', 'the authorisation is wrong, and dictionary attack protection counts it'],
  15: ['NONCE', 'invalid nonce size or value'],
  16: ['PP', 'authorisation requires physical presence'],
  18: ['SCHEME', 'unsupported or incompatible scheme'],
  21: ['SIZE', 'structure is of the wrong size'],
  22: ['SYMMETRIC', 'unsupported symmetric algorithm or key size'],
  23: ['TAG', 'incorrect structure tag'],
  24: ['SELECTOR', 'union selector is incorrect'],
  26: ['INSUFFICIENT', 'the value ends before its structure does'],
  27: ['SIGNATURE', 'the signature is not valid'],
  28: ['KEY', 'key fields are not compatible with the use'],
  29: ['POLICY_FAIL', 'a policy check failed'],
  31: ['INTEGRITY', 'integrity check failed'],
  32: ['TICKET', 'invalid ticket'],
  33: ['RESERVED_BITS', 'reserved bits are not zero'],
  34: ['BAD_AUTH', 'the authorisation is wrong, without dictionary attack protection'],
  35: ['EXPIRED', 'the policy has expired'],
  36: ['POLICY_CC', 'the policy is for another command'],
  37: ['BINDING', 'public and sensitive parts do not belong together'],
  38: ['CURVE', 'curve not supported'],
  39: ['ECC_POINT', 'the point is not on its curve'],
};

/** Format zero, errors. */
const ERRORS: Table = {
  0: ['INITIALIZE', 'the TPM needs a Startup command, or had one already'],
  1: ['FAILURE', 'the TPM is in failure mode'],
  3: ['SEQUENCE', 'improper use of a sequence handle'],
  11: ['PRIVATE', 'not currently used'],
  25: ['HMAC', 'not currently used'],
  32: ['DISABLED', 'the command is disabled'],
  33: ['EXCLUSIVE', 'an audit sequence required exclusivity'],
  36: ['AUTH_TYPE', 'the type of authorisation is not correct for the handle'],
  37: ['AUTH_MISSING', 'the command requires an authorisation session for a handle'],
  38: ['POLICY', 'policy failure in a mathematical operation or invalid authPolicy'],
  39: ['PCR', 'PCR check failed'],
  40: ['PCR_CHANGED', 'PCRs have changed since they were checked'],
  45: ['UPGRADE', 'the TPM is in field upgrade mode, or that is not supported'],
  46: ['TOO_MANY_CONTEXTS', 'context ID counter is at its maximum'],
  47: ['AUTH_UNAVAILABLE', 'authValue or authPolicy is not available for the entity'],
  48: ['REBOOT', 'a reset and Startup(CLEAR) are required'],
  49: ['UNBALANCED', 'key sizes of hash and symmetric algorithm do not match'],
  66: ['COMMAND_SIZE', 'commandSize does not fit the command'],
  67: ['COMMAND_CODE', 'command code not supported'],
  68: ['AUTHSIZE', 'size of the authorisation area is wrong'],
  69: ['AUTH_CONTEXT', 'an authorisation session with a command that cannot have one'],
  70: ['NV_RANGE', 'NV offset and size are out of range'],
  71: ['NV_SIZE', 'requested allocation is larger than allowed'],
  72: ['NV_LOCKED', 'NV access is locked'],
  73: ['NV_AUTHORIZATION', 'NV access is not authorised'],
  74: ['NV_UNINITIALIZED', 'an NV index was never written, or the state could not be restored'],
  75: ['NV_SPACE', 'insufficient NV space'],
  76: ['NV_DEFINED', 'the NV index or persistent object is already defined'],
  80: ['BAD_CONTEXT', 'context is not valid'],
  81: ['CPHASH', 'cpHash is already set or not correct for the use'],
  82: ['PARENT', 'the handle for the parent is not a valid parent'],
  83: ['NEEDS_TEST', 'a function needs testing'],
  84: ['NO_RESULT', 'an internal function could not process a request'],
  85: ['SENSITIVE', 'the sensitive area did not unmarshal correctly after decryption'],
};

/** Format zero, warnings. */
const WARNINGS: Table = {
  1: ['CONTEXT_GAP', 'the gap between context IDs is too large'],
  2: ['OBJECT_MEMORY', 'out of memory for objects: flush one'],
  3: ['SESSION_MEMORY', 'out of memory for sessions: flush one'],
  4: ['MEMORY', 'out of shared memory'],
  5: ['SESSION_HANDLES', 'out of session handles: flush one'],
  6: ['OBJECT_HANDLES', 'out of object handles'],
  7: ['LOCALITY', 'bad locality'],
  8: ['YIELDED', 'the command was suspended: send it again'],
  9: ['CANCELED', 'the command was cancelled'],
  10: ['TESTING', 'self-tests are running'],
  32: ['NV_RATE', 'NV writes are rate limited'],
  33: ['LOCKOUT', 'dictionary attack protection is in lockout mode'],
  34: ['RETRY', 'the TPM could not start the command: send it again'],
  35: ['NV_UNAVAILABLE', 'NV memory is not available'],
};

const FORMAT_ONE = 0x080;
const ABOUT_PARAMETER = 0x040;
const ABOUT_SESSION = 0x800;
const VERSION_2 = 0x100;
const VENDOR = 0x400;
const WARNING = 0x800;
const UNKNOWN = ['UNKNOWN', 'not a response code of the TPM 2.0 library'] as const;

/** What a TPM_RC says, and about what. */
export function decodeResponseCode(code: number): ResponseCode {
  const rc = code & 0xffff;
  if ((rc & FORMAT_ONE) !== 0) {
    const [name, meaning] = ABOUT_SOMETHING[rc & 0x3f] ?? UNKNOWN;
    const about = aboutOf(rc);
    return { code, name, isWarning: false, meaning, ...(about === undefined ? {} : { about }) };
  }
  if (rc === 0) return { code, name: 'SUCCESS', isWarning: false, meaning: 'the command worked' };
  const isWarning = (rc & WARNING) !== 0;
  if ((rc & VERSION_2) === 0 || (rc & VENDOR) !== 0) {
    return { code, name: UNKNOWN[0], isWarning, meaning: UNKNOWN[1] };
  }
  const [name, meaning] = isWarning ? warningOf(rc & 0x7f) : (ERRORS[rc & 0x7f] ?? UNKNOWN);
  return { code, name, isWarning, meaning };
}

/** One line for people: `TPM_RC_AUTH_FAIL (0x98e, session 1): the authorisation is wrong …`. */
export function describeResponseCode({ code, name, about, meaning }: ResponseCode): string {
  const subject = about === undefined ? '' : `, ${about.type} ${about.number}`;
  return `TPM_RC_${name} (0x${code.toString(16)}${subject}): ${meaning}`;
}

function warningOf(number: number): readonly [string, string] {
  const known = WARNINGS[number];
  if (known !== undefined) return known;
  // 0x10 to 0x16: handle 1 to 7 is not loaded; 0x18 to 0x1e: session 1 to 7.
  if (number < 0x10 || (number & 7) === 7 || number > 0x1e) return UNKNOWN;
  const index = number & 7;
  return number < 0x18
    ? [`REFERENCE_H${index}`, `handle ${index + 1} is of something that is not loaded`]
    : [`REFERENCE_S${index}`, `session ${index + 1} is of something that is not loaded`];
}

function aboutOf(rc: number): ResponseCode['about'] {
  if ((rc & ABOUT_PARAMETER) !== 0) return numbered('parameter', (rc >> 8) & 0xf);
  const number = (rc >> 8) & 0x7;
  return numbered((rc & ABOUT_SESSION) !== 0 ? 'session' : 'handle', number);
}

function numbered(type: 'handle' | 'parameter' | 'session', number: number): ResponseCode['about'] {
  return number === 0 ? undefined : { type, number };
}

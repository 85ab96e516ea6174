/** A 64-bit unsigned number: `bigint` where `number` would lose digits. */
export type Uint64 = number | bigint;

/**
 * Readable form of event data, under the names that reports have; `C` is what certificates of
 * signature databases are shown as. Members are optional where reports leave out what is 0 or empty.
 * For display: but for the types of `digestMatchesData`, nothing here is covered by the digest.
 */
export interface EventData<C = never> {
  readonly uefivariabledata?: UefiVariableData<C>;
  readonly gptheader?: GptHeader;
  readonly pcclienttaggedevent?: PcClientTaggedEvent;
  readonly imageloadevent?: ImageLoadEvent;
  readonly uefihandofftablepointer?: UefiHandoffTablePointer;
  readonly uefiplatformfirmwareblob?: UefiPlatformFirmwareBlob;
  readonly stringcontent?: string;
  /** The data as it was in the log. */
  readonly rawdata?: Uint8Array;
}

export interface UefiVariableData<C = never> {
  readonly variablenameguid?: string;
  readonly unicodename?: string;
  readonly signaturedb?: readonly SignatureDatabase<C>[];
  readonly bootorder?: readonly number[];
  readonly bootnext?: number;
  readonly bootcurrent?: number;
  readonly bootoptionsupport?: number;
  readonly efiloadoption?: EfiLoadOption;
  readonly driverorder?: readonly number[];
  readonly stringcontent?: string;
  readonly variabledata?: Uint8Array;
  readonly guidarray?: readonly string[];
}

export interface SignatureDatabase<C = never> {
  readonly efisignaturelistguid?: string;
  readonly signatureheader?: Uint8Array;
  readonly ueficertificates?: readonly UefiCertificate<C>[];
  readonly sha256hashes?: readonly UefiHash[];
}

export interface UefiCertificate<C> {
  readonly signatureownerguid: string;
  readonly certificates: C;
}

export interface UefiHash {
  readonly signatureownerguid: string;
  readonly hash?: Uint8Array;
}

export interface EfiLoadOption {
  readonly attributes: number;
  readonly description: string;
  readonly filepathlist: readonly EfiDevicePath[] | null;
  readonly optionaldata?: string;
}

/** A node of a device path (UEFI Specification, chapter 10). */
export interface EfiDevicePath {
  readonly type: string;
  readonly subtype?: string;
  readonly function?: number;
  readonly device?: number;
  readonly functionnumber?: number;
  readonly memorytype?: number;
  readonly startaddress?: Uint64;
  readonly endaddress?: Uint64;
  readonly vendorguid?: string;
  readonly vendordefineddata?: Uint8Array;
  /** The format has it, and no writer: `pathname` says what an ACPI node is. */
  readonly hid?: Uint8Array;
  /** As `hid`. */
  readonly uid?: Uint8Array;
  readonly partitionnumber?: number;
  readonly partitionstart?: Uint64;
  readonly partitionsize?: Uint64;
  readonly partitionsignature?: Uint8Array;
  readonly partitionformat?: number;
  readonly signaturetype?: number;
  readonly bootentry?: number;
  readonly pathname?: string;
  readonly protocolguid?: string;
  readonly firmwareFileName?: string;
  readonly startingaddress?: Uint64;
  readonly endingaddress?: Uint64;
  readonly disktypeguid?: string;
  readonly diskinstance?: number;
  readonly devicetype?: number;
  readonly statusflag?: number;
  readonly descriptionstring?: string;
}

export interface GptHeader {
  readonly signature?: Uint64;
  readonly revision?: number;
  readonly headersize?: number;
  readonly headercrc32?: number;
  readonly reserved?: number;
  readonly mylba?: Uint64;
  readonly alternativelba?: Uint64;
  readonly firstusablelba?: Uint64;
  readonly lastusablelba?: Uint64;
  readonly diskguid?: string;
  readonly partitionentrylba?: Uint64;
  readonly numberofpartitionentries?: number;
  readonly sizeofpartitionentry?: number;
  /** JSON only: it has one CBOR key with `partitions`, and CBOR carries neither. */
  readonly partitionentryarraycrc32?: number;
  /** JSON only. */
  readonly partitions?: readonly GptPartitionEntry[];
}

/** JSON only: all members have one CBOR key, and CBOR carries none of them. */
export interface GptPartitionEntry {
  readonly partitiontypeguid?: string;
  readonly uniquepartitionguid?: string;
  readonly startinglba?: Uint64;
  readonly endinglba?: Uint64;
  readonly attributes?: Uint64;
  readonly partitionname?: string;
}

/** JSON only: both members have one CBOR key, and CBOR carries neither. */
export interface PcClientTaggedEvent {
  /** `0x%08X` */
  readonly taggedeventid: string;
  /** Text when the data is UTF-8, else hex. */
  readonly taggedeventdata: string;
}

export interface ImageLoadEvent {
  readonly imagelocationinmemory: Uint64;
  readonly imagelengthinmemory: Uint64;
  readonly imagelinktimeaddress: Uint64;
  readonly uefidevicepath?: readonly EfiDevicePath[];
}

export interface UefiHandoffTablePointer {
  readonly ueficonfigurationtable: readonly UefiConfigurationTable[] | null;
}

export interface UefiConfigurationTable {
  readonly guid: string;
  readonly tableaddress: Uint64;
}

/** Both big-endian. */
export interface UefiPlatformFirmwareBlob {
  readonly blobbase: Uint8Array;
  readonly bloblength: Uint8Array;
}

/**
 * Members of an OCI runtime configuration, version 1.3.0 of the runtime specification, and how its
 * reference types write them as JSON. The hash of a configuration is taken over that form, so this
 * table decides which members are hashed.
 */
export type Kind =
  | 'text'
  | 'bool'
  | 'int'
  | 'uint'
  | 'any'
  | { readonly list: Kind }
  | { readonly map: Kind }
  | { readonly struct: Struct };

export type Struct = Readonly<Record<string, Field>>;

/**
 * When a member is written: `always` (an absent one as the zero value of its kind), `nonZero` (only
 * a value other than false, 0, '', [] or {}), `present` (whenever the input has it), `orNull`
 * (always, an absent one as null).
 */
export interface Field {
  readonly kind: Kind;
  readonly written: 'always' | 'nonZero' | 'present' | 'orNull';
}

const always = (kind: Kind): Field => ({ kind, written: 'always' });
const nonZero = (kind: Kind): Field => ({ kind, written: 'nonZero' });
const present = (kind: Kind): Field => ({ kind, written: 'present' });
const list = (kind: Kind): Field => nonZero({ list: kind });
const map = (kind: Kind): Field => nonZero({ map: kind });

const [text, texts] = [nonZero('text'), list('text')];
const flag = nonZero('bool');
const [name, index] = [always('text'), always('uint')];
const [count, signed] = [present('uint'), present('int')];

const idMapping: Kind = { struct: { containerID: index, hostID: index, size: index } };
const hook: Kind = { struct: { path: name, args: texts, env: texts, timeout: signed } };
const namespace: Kind = { struct: { type: name, path: text } };

const process: Kind = {
  struct: {
    terminal: flag,
    consoleSize: present({ struct: { height: index, width: index } }),
    user: always({
      struct: {
        uid: index,
        gid: index,
        umask: count,
        additionalGids: list('uint'),
        username: text,
      },
    }),
    args: texts,
    commandLine: text,
    env: texts,
    cwd: name,
    capabilities: present({
      struct: {
        bounding: texts,
        effective: texts,
        inheritable: texts,
        permitted: texts,
        ambient: texts,
      },
    }),
    rlimits: list({ struct: { type: name, hard: index, soft: index } }),
    noNewPrivileges: flag,
    apparmorProfile: text,
    oomScoreAdj: signed,
    scheduler: present({
      struct: {
        policy: name,
        nice: nonZero('int'),
        priority: nonZero('int'),
        flags: texts,
        runtime: nonZero('uint'),
        deadline: nonZero('uint'),
        period: nonZero('uint'),
      },
    }),
    selinuxLabel: text,
    ioPriority: present({ struct: { class: name, priority: always('int') } }),
    execCPUAffinity: present({ struct: { initial: text, final: text } }),
  },
};

const blockDevice: Struct = { major: always('int'), minor: always('int') };
const weights: Struct = { weight: count, leafWeight: count };
const throttles = list({ struct: { ...blockDevice, rate: index } });

const resources: Kind = {
  struct: {
    devices: list({
      struct: { allow: always('bool'), type: text, major: signed, minor: signed, access: text },
    }),
    memory: present({
      struct: {
        limit: signed,
        reservation: signed,
        swap: signed,
        kernel: signed,
        kernelTCP: signed,
        swappiness: count,
        disableOOMKiller: present('bool'),
        useHierarchy: present('bool'),
        checkBeforeUpdate: present('bool'),
      },
    }),
    cpu: present({
      struct: {
        shares: count,
        quota: signed,
        burst: count,
        period: count,
        realtimeRuntime: signed,
        realtimePeriod: count,
        cpus: text,
        mems: text,
        idle: signed,
      },
    }),
    pids: present({ struct: { limit: signed } }),
    blockIO: present({
      struct: {
        ...weights,
        weightDevice: list({ struct: { ...blockDevice, ...weights } }),
        throttleReadBpsDevice: throttles,
        throttleWriteBpsDevice: throttles,
        throttleReadIOPSDevice: throttles,
        throttleWriteIOPSDevice: throttles,
      },
    }),
    hugepageLimits: list({ struct: { pageSize: name, limit: index } }),
    network: present({
      struct: { classID: count, priorities: list({ struct: { name, priority: index } }) },
    }),
    rdma: map({ struct: { hcaHandles: count, hcaObjects: count } }),
    unified: map('text'),
  },
};

const seccomp: Kind = {
  struct: {
    defaultAction: name,
    defaultErrnoRet: count,
    architectures: texts,
    flags: texts,
    listenerPath: text,
    listenerMetadata: text,
    syscalls: list({
      struct: {
        names: always({ list: 'text' }),
        action: name,
        errnoRet: count,
        args: list({ struct: { index, value: index, valueTwo: nonZero('uint'), op: name } }),
      },
    }),
  },
};

const linux: Kind = {
  struct: {
    uidMappings: list(idMapping),
    gidMappings: list(idMapping),
    sysctl: map('text'),
    resources: present(resources),
    cgroupsPath: text,
    namespaces: list(namespace),
    devices: list({
      struct: {
        path: name,
        type: name,
        ...blockDevice,
        fileMode: count,
        uid: count,
        gid: count,
      },
    }),
    netDevices: map({ struct: { name: text } }),
    seccomp: present(seccomp),
    rootfsPropagation: text,
    maskedPaths: texts,
    readonlyPaths: texts,
    mountLabel: text,
    intelRdt: present({
      struct: {
        closID: text,
        schemata: texts,
        l3CacheSchema: text,
        memBwSchema: text,
        enableMonitoring: flag,
      },
    }),
    memoryPolicy: present({ struct: { mode: name, nodes: name, flags: texts } }),
    personality: present({ struct: { domain: name, flags: texts } }),
    timeOffsets: map({ struct: { secs: nonZero('int'), nanosecs: nonZero('uint') } }),
  },
};

const solaris: Kind = {
  struct: {
    milestone: text,
    limitpriv: text,
    maxShmMemory: text,
    anet: list({
      struct: {
        linkname: text,
        lowerLink: text,
        allowedAddress: text,
        configureAllowedAddress: text,
        defrouter: text,
        linkProtection: text,
        macAddress: text,
      },
    }),
    cappedCPU: present({ struct: { ncpus: text } }),
    cappedMemory: present({ struct: { physical: text, swap: text } }),
  },
};

const windows: Kind = {
  struct: {
    layerFolders: always({ list: 'text' }),
    devices: list({ struct: { id: name, idType: name } }),
    resources: present({
      struct: {
        memory: present({ struct: { limit: count } }),
        cpu: present({
          struct: {
            count,
            shares: count,
            maximum: count,
            affinity: list({ struct: { mask: nonZero('uint'), group: nonZero('uint') } }),
          },
        }),
        storage: present({ struct: { iops: count, bps: count, sandboxSize: count } }),
      },
    }),
    credentialSpec: present('any'),
    servicing: flag,
    ignoreFlushesDuringBoot: flag,
    hyperv: present({ struct: { utilityVMPath: text } }),
    network: present({
      struct: {
        endpointList: texts,
        allowUnqualifiedDNSQuery: flag,
        DNSSearchList: texts,
        networkSharedContainerName: text,
        networkNamespace: text,
      },
    }),
  },
};

const addressOrNull: Field = { kind: 'uint', written: 'orNull' };

const vm: Kind = {
  struct: {
    hypervisor: always({ struct: { path: name, parameters: texts } }),
    kernel: always({ struct: { path: name, parameters: texts, initrd: text } }),
    image: always({ struct: { path: name, format: name } }),
    hwconfig: present({
      struct: {
        deviceTree: text,
        vcpus: count,
        memory: count,
        dtdevs: texts,
        iomems: list({
          struct: { firstGFN: count, firstMFN: addressOrNull, nrMFNs: addressOrNull },
        }),
        irqs: list('uint'),
      },
    }),
  },
};

const freebsd: Kind = {
  struct: {
    devices: list({ struct: { path: name, mode: count } }),
    jail: present({
      struct: {
        parent: text,
        host: text,
        ip4: text,
        ip4Addr: texts,
        ip6: text,
        ip6Addr: texts,
        vnet: text,
        interface: text,
        vnetInterfaces: texts,
        sysvmsg: text,
        sysvsem: text,
        sysvshm: text,
        enforceStatfs: signed,
        allow: present({
          struct: {
            setHostname: flag,
            rawSockets: flag,
            chflags: flag,
            mount: texts,
            quotas: flag,
            socketAf: flag,
            mlock: flag,
            reservedPorts: flag,
            suser: flag,
          },
        }),
      },
    }),
  },
};

/** The whole configuration (`config.json`). */
export const specStruct: Struct = {
  ociVersion: name,
  process: present(process),
  root: present({ struct: { path: name, readonly: flag } }),
  hostname: text,
  domainname: text,
  mounts: list({
    struct: {
      destination: name,
      type: text,
      source: text,
      options: texts,
      uidMappings: list(idMapping),
      gidMappings: list(idMapping),
    },
  }),
  hooks: present({
    struct: {
      prestart: list(hook),
      createRuntime: list(hook),
      createContainer: list(hook),
      startContainer: list(hook),
      poststart: list(hook),
      poststop: list(hook),
    },
  }),
  annotations: map('text'),
  linux: present(linux),
  solaris: present(solaris),
  windows: present(windows),
  vm: present(vm),
  zos: present({ struct: { namespaces: list(namespace) } }),
  freebsd: present(freebsd),
};

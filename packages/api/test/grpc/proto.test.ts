import { fileURLToPath } from 'node:url';
import { fromBinary } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';
import { loadSync } from '@grpc/proto-loader';
import { expect, test } from 'vitest';
import { file_cmc } from '../../src/grpc/generated/cmc_pb.ts';
import { file_grpc_health_v1_health } from '../../src/grpc/generated/grpc/health/v1/health_pb.ts';
import { file_grpc_reflection_v1_reflection } from '../../src/grpc/generated/grpc/reflection/v1/reflection_pb.ts';
import { file_grpc_reflection_v1alpha_reflection } from '../../src/grpc/generated/grpc/reflection/v1alpha/reflection_pb.ts';

/** What a file says, without the spelling that compilers differ in. */
function outline(file: FileDescriptorProto): unknown {
  const name = (type: string): string => type.replace(/^\./, '').replace(/^.*\.(?=[A-Z])/, '');
  const message = (desc: DescriptorProto): unknown => ({
    name: desc.name,
    nested: desc.nestedType.map(message),
    enums: desc.enumType.map((type) => [type.name, type.value.map((v) => [v.name, v.number])]),
    fields: desc.field
      .map((field) => [field.number, field.name, field.type, field.label, name(field.typeName)])
      .sort(([a], [b]) => Number(a) - Number(b)),
  });
  return {
    package: file.package,
    messages: file.messageType
      .map(message)
      .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
    services: file.service.map((service) => [
      service.name,
      service.method.map((method) => [
        method.name,
        name(method.inputType),
        name(method.outputType),
        method.clientStreaming,
        method.serverStreaming,
      ]),
    ]),
  };
}

test.each([
  ['cmc.proto', file_cmc],
  ['grpc/health/v1/health.proto', file_grpc_health_v1_health],
  ['grpc/reflection/v1/reflection.proto', file_grpc_reflection_v1_reflection],
  ['grpc/reflection/v1alpha/reflection.proto', file_grpc_reflection_v1alpha_reflection],
])('the generated code says what %s says', (path, generated) => {
  const folder = fileURLToPath(new URL('../../proto', import.meta.url));
  const definition = loadSync(`${folder}/${path}`, { includeDirs: [folder], keepCase: true });
  const described = Object.values(definition).find((entry) => 'fileDescriptorProtos' in entry);
  const files = (described as { fileDescriptorProtos: Buffer[] }).fileDescriptorProtos.map(
    (bytes) => fromBinary(FileDescriptorProtoSchema, bytes),
  );
  const file = files.find((candidate) => candidate.package === generated.proto.package);
  if (file === undefined) throw new Error(`no ${generated.proto.package}`);
  expect(outline(generated.proto)).toEqual(outline(file));
});

import {
  create,
  type DescFile,
  type DescMessage,
  type DescService,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import {
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
} from './generated/grpc/reflection/v1/reflection_pb.ts';
import type { GrpcHandler } from './http2-server.ts';
import { decodeProto } from './proto.ts';
import { GRPC_STATUS } from './status.ts';

type Answer = NonNullable<
  MessageInitShape<typeof ServerReflectionResponseSchema>['messageResponse']
>;

/**
 * The handler of the reflection service for `services`: one answer to each message. The versions
 * `v1` and `v1alpha` differ in their package name only, so that it serves both.
 */
export function createReflection(services: readonly DescService[]): GrpcHandler {
  const files = new Map(services.map(({ file }) => [`${file.name}.proto`, file]));
  const symbols = new Map([...files.values()].flatMap((file) => symbolsOf(file)));

  const answer = ({ messageRequest: { case: kind, value } }: ServerReflectionRequest): Answer => {
    switch (kind) {
      case 'listServices':
        return {
          case: 'listServicesResponse',
          value: { service: services.map(({ typeName }) => ({ name: typeName })) },
        };
      case 'fileByFilename':
        return fileAnswer(files.get(value));
      case 'fileContainingSymbol':
        return fileAnswer(symbols.get(value));
      default:
        // No file here has extensions.
        return fileAnswer(undefined);
    }
  };

  return async function* (messages) {
    for await (const message of messages) {
      const originalRequest = decodeProto(ServerReflectionRequestSchema, message);
      const response = create(ServerReflectionResponseSchema, {
        validHost: originalRequest.host,
        originalRequest,
        messageResponse: answer(originalRequest),
      });
      yield toBinary(ServerReflectionResponseSchema, response);
    }
  };
}

function fileAnswer(file: DescFile | undefined): Answer {
  if (file === undefined) {
    return {
      case: 'errorResponse',
      value: { errorCode: GRPC_STATUS.NOT_FOUND, errorMessage: 'not found' },
    };
  }
  const fileDescriptorProto = [toBinary(FileDescriptorProtoSchema, file.proto)];
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
}

/** Full names of everything in `file` that clients ask for. */
function symbolsOf(file: DescFile): readonly (readonly [string, DescFile])[] {
  const names = [
    ...file.services.flatMap(({ typeName, methods }) => [
      typeName,
      ...methods.map(({ name }) => `${typeName}.${name}`),
    ]),
    ...file.enums.map(({ typeName }) => typeName),
    ...file.messages.flatMap(messageNames),
  ];
  return names.map((name) => [name, file]);
}

function messageNames(message: DescMessage): readonly string[] {
  const { typeName, nestedEnums, nestedMessages } = message;
  return [
    typeName,
    ...nestedEnums.map((nested) => nested.typeName),
    ...nestedMessages.flatMap(messageNames),
  ];
}

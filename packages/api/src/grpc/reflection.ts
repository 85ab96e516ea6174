import {
  create,
  type DescFile,
  type DescMessage,
  type DescService,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { handleBidiStreamingCall } from '@grpc/grpc-js';
import {
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
} from './generated/grpc/reflection/v1/reflection_pb.ts';
import { decodeProto } from './proto.ts';
import { GRPC_STATUS, statusDetails } from './status.ts';

type Answer = NonNullable<
  MessageInitShape<typeof ServerReflectionResponseSchema>['messageResponse']
>;

/**
 * The handlers of the reflection service for `services`. Its versions `v1` and `v1alpha` differ in
 * their package name only, so that these serve both.
 */
export function createReflection(services: readonly DescService[]): {
  readonly ServerReflectionInfo: handleBidiStreamingCall<Uint8Array, Uint8Array>;
} {
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

  return {
    ServerReflectionInfo(call) {
      call.on('data', (bytes: Uint8Array) => {
        try {
          const originalRequest = decodeProto(ServerReflectionRequestSchema, bytes);
          const response = create(ServerReflectionResponseSchema, {
            validHost: originalRequest.host,
            originalRequest,
            messageResponse: answer(originalRequest),
          });
          // A client that asks without reading waits until it has read.
          if (!call.write(toBinary(ServerReflectionResponseSchema, response))) call.pause();
        } catch (error) {
          call.emit('error', statusDetails(error));
        }
      });
      call.on('drain', () => call.resume());
      call.once('end', () => call.end());
    },
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

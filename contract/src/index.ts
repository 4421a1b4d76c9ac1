/**
 * What crosses the wire: operations with their parameters and answers, the objects, the error table, the limits. The
 * server, the web client, the conformance kit and the API documentation all read it from here; it imports nothing of ours.
 */
export * from './errors.ts';
export * from './integers.ts';
export * from './limits.ts';
export * from './media-types.ts';
export * from './objects.ts';
export * from './operation.ts';
export * from './operations.ts';
export * from './parameters.ts';
export * from './text.ts';

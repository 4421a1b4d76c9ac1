import { contentOperations } from './operations/content.ts';
import { peopleOperations } from './operations/people.ts';

/** Every operation under /douyin/: the course's, with the additions of ours beside their relatives. */
export const operations = { ...contentOperations, ...peopleOperations } as const;

export type Operations = typeof operations;
export type OperationName = keyof Operations;
export const operationNames = Object.keys(operations).filter((name): name is OperationName => name in operations);

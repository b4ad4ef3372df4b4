// What services know a job by.

import { mostOfName } from '../../spec/told.ts';

export const isIdentity = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= mostOfName;

// Groups of pools have two threads from here on, unless told.

import { Pool } from '../../../../src/pool/index.ts';

const { group, resumeGroup } = Pool.prototype;

Pool.prototype.group = function (options = {}) {
  return group.call(this, { threads: 2, ...options });
};
Pool.prototype.resumeGroup = function (saved, options = {}) {
  return resumeGroup.call(this, saved, { threads: 2, ...options });
};

// Where a store is, as it is told: a path, or the URL of a database.

/** What stands before the `//` of a URL; undefined for a path. */
export const schemeOf = (at: string): string | undefined => /^([a-z][a-z0-9+.-]*:)\/\//i.exec(at)?.[1]?.toLowerCase();

/** Whether a store is in a database, and not in a folder. */
export const isDatabase = (at: string): boolean => schemeOf(at) !== undefined && schemeOf(at) !== 'file:';

/** As it may be told to people: a URL without its password, nor that of a place for large blobs which it names. */
export const toldPlace = (at: string): string =>
  isDatabase(at)
    ? at.replace(/^([^/]*\/\/[^/?#]*?:)[^/?#]*@/, '$1…@').replace(/([?&]large=)[^&#]*(?:@|%40)[^&#]*/gi, '$1…')
    : at;

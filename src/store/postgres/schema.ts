// What a store is in a PostgreSQL: a schema with these tables and functions. They are made in one transaction, under a lock, so
// that several processes may open a new store at once.
//
//   store     one row: the format, and the epoch (../shared/backend.ts)
//   versions  a sequence: of the heads that a commit changes
//   heads     by their names in UTF-8: the version, and the form of version 0 (../form.ts)
//   blobs     by their names: the epoch, how many links, where its bytes are if not here, and the form
//   commits   tokens of commits that changed heads, and their versions
//
// Each act is one call of one function, so that no connection that is lost, and no process that stands still, leaves a transaction
// open. Statements of a function see what was committed before each of them, as the isolation is `read committed`; they say so if
// it is not. A commit has the lock of the store, shared, to its end; a new epoch is begun by whoever has it alone, and by nobody
// else. What must not stay is undone by an error: WB001 a conflict, WB002 a blob that is missing, WB003 a place of long ago.

export const format = 1;

/** Names that need no quotes, and fit. */
export const isSchema = (name: string): boolean => /^[a-z_][a-z0-9_]{0,47}$/.test(name) && !name.startsWith('pg_');

export const makeSchema = (s: string, grace: number): string => `
BEGIN;
SELECT pg_advisory_xact_lock(${lockClass}, hashtext('${s}'));
DO $do$ BEGIN
  IF to_regnamespace('${s}') IS NULL THEN CREATE SCHEMA ${s}; END IF;
END $do$;

CREATE TABLE IF NOT EXISTS ${s}.store (
  one boolean PRIMARY KEY DEFAULT true CHECK (one), format integer NOT NULL, epoch bigint NOT NULL);
INSERT INTO ${s}.store (format, epoch) VALUES (${format}, 1) ON CONFLICT DO NOTHING;
CREATE SEQUENCE IF NOT EXISTS ${s}.versions;
CREATE TABLE IF NOT EXISTS ${s}.heads (name bytea PRIMARY KEY, version bigint NOT NULL, form bytea NOT NULL);
CREATE TABLE IF NOT EXISTS ${s}.blobs (
  name bytea PRIMARY KEY, epoch bigint NOT NULL, links integer NOT NULL, place text, form bytea NOT NULL);
ALTER TABLE ${s}.blobs ALTER form SET STORAGE EXTERNAL;
ALTER TABLE ${s}.heads ALTER form SET STORAGE EXTERNAL;
CREATE TABLE IF NOT EXISTS ${s}.commits (
  token bytea PRIMARY KEY, version bigint NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE INDEX IF NOT EXISTS commits_at ON ${s}.commits (at);
CREATE INDEX IF NOT EXISTS blobs_place ON ${s}.blobs (place) WHERE place IS NOT NULL;

CREATE OR REPLACE FUNCTION ${s}.ready(alone boolean) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'the isolation of transactions must be read committed';
  END IF;
  -- What is told to be kept must be on the disk.
  IF current_setting('synchronous_commit') = 'off' THEN PERFORM set_config('synchronous_commit', 'on', true); END IF;
  IF alone THEN PERFORM pg_advisory_xact_lock(${lockClass}, hashtext('${s}'));
  ELSE PERFORM pg_advisory_xact_lock_shared(${lockClass}, hashtext('${s}')); END IF;
END $f$;

CREATE OR REPLACE FUNCTION ${s}.names_in(names bytea) RETURNS SETOF bytea LANGUAGE sql IMMUTABLE AS $f$
  SELECT substring(names FROM i * 32 + 1 FOR 32) FROM generate_series(0, length(names) / 32 - 1) AS i
$f$;

CREATE OR REPLACE FUNCTION ${s}.commit(
  put_names bytea[], put_links integer[], put_places text[], put_forms bytea[], needs bytea,
  head_names bytea[], expected bigint[], head_forms bytea[], the_token bytea, again boolean
) RETURNS bigint LANGUAGE plpgsql AS $f$
DECLARE
  now_epoch bigint; the_version bigint; is_at bigint; lost bytea; i integer;
BEGIN
  PERFORM ${s}.ready(false);
  SELECT epoch INTO now_epoch FROM ${s}.store;
  IF again THEN
    SELECT version INTO the_version FROM ${s}.commits WHERE token = the_token;
    IF FOUND THEN RETURN the_version; END IF;
  END IF;

  FOR i IN 1 .. cardinality(head_names) LOOP
    IF expected[i] = 0 AND head_forms[i] IS NOT NULL THEN
      INSERT INTO ${s}.heads (name, version, form) VALUES (head_names[i], 0, '') ON CONFLICT DO NOTHING;
      CONTINUE WHEN FOUND;
    END IF;
    is_at := NULL;
    SELECT version INTO is_at FROM ${s}.heads WHERE name = head_names[i] FOR UPDATE;
    IF coalesce(is_at, 0) <> expected[i] THEN
      RAISE EXCEPTION 'conflict' USING ERRCODE = 'WB001', DETAIL = i || ' ' || coalesce(is_at, 0);
    END IF;
  END LOOP;

  IF EXISTS (SELECT FROM unnest(put_places) AS p WHERE substring(p FROM 7 FOR 16)::bigint < now_epoch - ${grace}) THEN
    RAISE EXCEPTION 'late' USING ERRCODE = 'WB003';
  END IF;
  IF length(needs) > 0 THEN
    PERFORM FROM ${s}.blobs WHERE name IN (SELECT ${s}.names_in(needs)) AND epoch < now_epoch ORDER BY name FOR UPDATE;
    UPDATE ${s}.blobs SET epoch = now_epoch WHERE name IN (SELECT ${s}.names_in(needs)) AND epoch < now_epoch;
    SELECT n INTO lost FROM ${s}.names_in(needs) AS n
      WHERE NOT EXISTS (SELECT FROM ${s}.blobs WHERE name = n) LIMIT 1;
    IF FOUND THEN RAISE EXCEPTION 'missing' USING ERRCODE = 'WB002', DETAIL = encode(lost, 'hex'); END IF;
  END IF;
  INSERT INTO ${s}.blobs AS b (name, epoch, links, place, form)
    SELECT n, now_epoch, l, p, f FROM unnest(put_names, put_links, put_places, put_forms) AS u (n, l, p, f)
    ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch WHERE b.epoch < excluded.epoch;

  IF cardinality(head_names) = 0 THEN
    SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO the_version FROM ${s}.versions;
    RETURN the_version;
  END IF;
  -- Not before all heads are locked: so the versions of each grow.
  the_version := nextval('${s}.versions');
  FOR i IN 1 .. cardinality(head_names) LOOP
    IF head_forms[i] IS NULL THEN DELETE FROM ${s}.heads WHERE name = head_names[i];
    ELSE UPDATE ${s}.heads SET version = the_version, form = head_forms[i] WHERE name = head_names[i]; END IF;
  END LOOP;
  -- Where another attempt was faster, this one fails here, and nothing of it stays.
  INSERT INTO ${s}.commits (token, version) VALUES (the_token, the_version);
  RETURN the_version;
END $f$;

CREATE OR REPLACE FUNCTION ${s}.next_epoch() RETURNS bigint LANGUAGE plpgsql AS $f$
DECLARE the_epoch bigint;
BEGIN
  PERFORM ${s}.ready(true);
  UPDATE ${s}.store SET epoch = epoch + 1 RETURNING epoch INTO the_epoch;
  DELETE FROM ${s}.commits WHERE at < clock_timestamp() - interval '2 hours';
  RETURN the_epoch;
END $f$;
COMMIT;
`;

/** Of all stores, so that their locks are nobody else's. */
const lockClass = 1_998_615_032;

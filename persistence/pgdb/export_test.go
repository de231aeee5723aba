package pgdb

// Served is for tests of what a server must have, without servers that have it not.
func Served(number int, version, encoding string) error {
	return served{number: number, version: version, encoding: encoding}.check()
}

// MaxPayload is for tests.
const MaxPayload = maxPayload

// ChunkBytes is for tests.
const ChunkBytes = chunkBytes

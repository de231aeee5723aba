package report

// Keys of metrics. Catalog says what they are.
const (
	CPUPerDelivery    = "cpu_us_per_delivery"
	DeliveriesPerSec  = "deliveries_per_s"
	P50               = "p50_ms"
	P99               = "p99_ms"
	AllocsPerDelivery = "allocs_per_delivery"
	ClientPerDelivery = "client_us_per_delivery"

	RSSPerConn   = "rss_kib_per_connection"
	HeapPerConn  = "heap_kib_per_connection"
	StackPerConn = "stack_kib_per_connection"

	Seconds     = "seconds"
	ConnsPerSec = "connections_per_s"
	CPUPerConn  = "cpu_us_per_connection"

	TopicHeap  = "heap_bytes_per_topic"
	TopicRSS   = "rss_bytes_per_topic"
	HeapBefore = "heap_mib_before"
	HeapPeak   = "heap_mib_peak"
	HeapAfter  = "heap_mib_after"
	RSSBefore  = "rss_mib_before"
	RSSPeak    = "rss_mib_peak"
	RSSAfter   = "rss_mib_after"
	SpawnsPerS = "spawns_per_s"
	RetireSec  = "retired_within_s"

	AckedOne   = "acked_us_1_publisher"
	AckedMany  = "acked_per_s_64_publishers"
	PostedPerS = "posted_per_s"
	PostAllocs = "allocs_per_post"
	AckAllocs  = "allocs_per_acked"

	Events        = "events" // in all, not shown
	EventsPerS    = "events_per_s"
	CPUPerEvent   = "cpu_us_per_event"
	RedisPerEvent = "redis_us_per_event"
	RedisPerConn  = "redis_us_per_connection"
	PGPerEvent    = "postgres_us_per_event"
	MillisTold    = "ms_until_told"
	FramesPerS    = "frames_per_s"

	Others = "others_share"
)

// A Metric says how to read one figure.
type Metric struct {
	Key    string
	Label  string
	Digits int  // after the decimal point
	Ratio  bool // whether ours beside a peer's means something
}

// Catalog has all metrics, in the order in which they are shown.
var Catalog = []Metric{
	{EventsPerS, "events per second", 0, true},
	{CPUPerEvent, "program CPU, us per event", 3, true},
	{CPUPerDelivery, "server CPU, us per delivery", 3, true},
	{DeliveriesPerSec, "deliveries per second", 0, true},
	{RedisPerEvent, "Redis CPU, us per event", 3, true},
	{PGPerEvent, "Postgres CPU, us per event", 3, true},
	{MillisTold, "ms until a receiver of the other node was told of all", 1, true},
	{FramesPerS, "frames per second that a receiver of the other node gets", 0, false},
	{P50, "latency p50, ms", 2, true},
	{P99, "latency p99, ms", 2, true},
	{AllocsPerDelivery, "allocations per delivery", 3, true},
	{ClientPerDelivery, "load client CPU, us per delivery", 3, false},
	{RSSPerConn, "resident memory, KiB per connection", 2, true},
	{HeapPerConn, "heap in use, KiB per connection", 2, true},
	{StackPerConn, "stacks in use, KiB per connection", 2, true},
	{Seconds, "seconds until all are in", 3, true},
	{ConnsPerSec, "connections per second", 0, true},
	{CPUPerConn, "server CPU, us per connection", 0, true},
	{RedisPerConn, "Redis CPU, us per connection", 0, true},
	{TopicHeap, "heap, bytes per idle topic", 0, false},
	{TopicRSS, "resident memory, bytes per idle topic", 0, false},
	{HeapBefore, "heap before, MiB", 1, false},
	{HeapPeak, "heap with all topics, MiB", 1, false},
	{HeapAfter, "heap after, MiB", 1, false},
	{RSSBefore, "resident memory before, MiB", 1, false},
	{RSSPeak, "resident memory with all topics, MiB", 1, false},
	{RSSAfter, "resident memory after, MiB", 1, false},
	{SpawnsPerS, "topics spawned per second", 0, false},
	{RetireSec, "seconds until all are retired", 1, false},
	{AckedOne, "acknowledged publish, us (1 publisher)", 2, false},
	{AckAllocs, "allocations per acknowledged publish", 2, false},
	{AckedMany, "acknowledged publishes per second (64 publishers)", 0, false},
	{PostedPerS, "publishes per second, fire and forget", 0, false},
	{PostAllocs, "allocations per publish, fire and forget", 2, false},
	{Others, "share of the cores taken by others, %", 1, false},
}

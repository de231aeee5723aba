package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

var breaksOfContent = []broken{
	{
		"numbers in 31 bits",
		faults{appended: func(p *plainTopic, _ *topic.Appended) { p.head &= 1<<31 - 1 }},
		[]string{"REP-27/beyond_2^31_and_10^14"},
	},
	{
		"numbers as 14 digits of a float",
		faults{page: func(p *topic.Page, _ uint64, _ int) {
			f, _ := strconv.ParseFloat(strconv.FormatFloat(float64(p.Head.Seq), 'g', 14, 64), 64)
			p.Head.Seq = uint64(f)
		}},
		[]string{"REP-27/beyond_2^31_and_10^14"},
	},
	{
		"reads look at everything",
		faults{cost: func(p *plainTopic) {
			for i := range p.records {
				p.records[i].Data = bytes.Clone(p.records[i].Data)
			}
		}},
		[]string{"REP-28/read_costs_what_it_returns"},
	},
	{"data through encoding/json", faults{batch: eachData(throughJSON)}, []string{"REP-12/data_byte_for_byte"}},
	{"data compacted", faults{batch: eachData(compacted)}, []string{"REP-12/data_byte_for_byte"}},
	{
		"data without U+0000",
		faults{batch: eachData(func(d []byte) []byte { return bytes.ReplaceAll(d, []byte(`\u0000`), nil) })},
		[]string{"REP-12/data_byte_for_byte"},
	},
	{
		"data up to 64 KiB",
		faults{batch: eachData(func(d []byte) []byte { return d[:min(len(d), 64<<10)] })},
		[]string{"REP-12/data_byte_for_byte"},
	},
	{
		"pages up to 1 MiB",
		faults{page: func(p *topic.Page, _ uint64, _ int) {
			size := 0
			for i, r := range p.Records {
				if size += len(r.Data); size > 1<<20 {
					p.Records = p.Records[:i]
					return
				}
			}
		}},
		[]string{"REP-03/much_at_once", "REP-06/readers_beside_trimming"},
	},
	{
		"pages of two lives",
		faults{page: func(p *topic.Page, _ uint64, _ int) {
			if len(p.Records) > 1 {
				p.Records[0] = topic.Record{Seq: p.Records[0].Seq, Name: "e", Data: []byte(`"before:"`)}
			}
		}},
		[]string{"REP-11/readers_beside_clear"},
	},
	{
		"data in a buffer that is used again",
		faults{page: func(p *topic.Page, _ uint64, _ int) {
			for i := range min(len(p.Records), len(buffers)) {
				buffers[i] = append(slices.Grow(buffers[i][:0], 4096), p.Records[i].Data...)
				p.Records[i].Data = buffers[i]
			}
		}},
		[]string{"REP-12/data_byte_for_byte"},
	},
	{
		"names of events in ASCII",
		faults{batch: func(b []topic.Entry) []topic.Entry {
			b = slices.Clone(b)
			for i := range b {
				b[i].Name = strconv.QuoteToASCII(b[i].Name)
			}
			return b
		}},
		[]string{"REP-12/names_of_events", "model/random_calls"},
	},
	{
		"records do not say when",
		faults{page: func(p *topic.Page, _ uint64, _ int) {
			for i := range p.Records {
				p.Records[i].At = time.Time{}
			}
		}},
		[]string{"REP-12/records_say_when"},
	},
	{
		"contexts are not asked",
		faults{ctx: func(context.Context) context.Context { return context.Background() }},
		[]string{"context/ended_before", "renew/ended_before"},
	},
}

// buffers belong to the break of that name, whose cases run one by one.
var buffers [3][]byte

func eachData(change func([]byte) []byte) func([]topic.Entry) []topic.Entry {
	return func(b []topic.Entry) []topic.Entry {
		b = slices.Clone(b)
		for i := range b {
			b[i].Data = change(b[i].Data)
		}
		return b
	}
}

func throughJSON(data []byte) []byte {
	var v any
	if json.Unmarshal(data, &v) != nil {
		return data
	}
	out, err := json.Marshal(v)
	if err != nil {
		return data
	}
	return out
}

func compacted(data []byte) []byte {
	var out bytes.Buffer
	if json.Compact(&out, data) != nil {
		return data
	}
	return out.Bytes()
}

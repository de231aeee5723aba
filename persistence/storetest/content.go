package storetest

import (
	"bytes"
	"strings"

	"github.com/troupe-rt/troupe/topic"
)

// texts is JSON that a store might improve on its way.
var texts = []string{
	`null`, `true`, `0`, `-0`, `1.0`, `1e2`, `1E400`, `0.1e-7`,
	`9007199254740993`, `18446744073709551616`, `-123456789012345678901234567890.5`,
	`""`, `"\u0000"`, `"a\u0000b"`, `"\ud83d\ude00"`, "\"\U0001F600\"", `"\ud800"`, "\"\u00e9 e\u0301 \u6f22\u5b57 \u05d0\"",
	`"\/ / \u002f"`, "\"\u2028\u2029\"", `"</script>&'--;$1 %s \\x00"`, "\"\x7f\"",
	`[]`, `[ 1 ,2, [null,"x"] ]`, `{}`, `{"b":1,"a":2,"b":3,"":4}`, "{\n\t\"a\" : {\"seq\":7}\r\n}",
	`"` + strings.Repeat("0123456789", 10_000) + `"`,
	"[" + strings.Repeat("[", 400) + strings.Repeat("]", 400) + "]",
}

func dataByteForByte(s *scene) {
	batch := make([]topic.Entry, len(texts))
	for i, text := range texts {
		batch[i] = topic.Entry{Name: "e", Data: []byte(text)}
	}
	s.append("t", plenty, batch...)
	for i, r := range s.read("t", 0, len(texts), plenty).Records {
		if string(r.Data) != texts[i] {
			s.Errorf("%.80s came back as %.80s (%d and %d bytes)", texts[i], r.Data, len(texts[i]), len(r.Data))
		}
	}
	// What was returned once stays as it is.
	first := s.read("t", 0, 3, plenty).Records
	kept := bytes.Clone(first[0].Data)
	s.append("t", topic.Retention{Size: 1}, batch[3:]...)
	s.read("t", 0, 3, topic.Retention{Size: 1})
	if !bytes.Equal(first[0].Data, kept) {
		s.Errorf("data that Read had returned changed from %s to %s", kept, first[0].Data)
	}
}

func eventNames(s *scene) {
	names := []string{"e", "E", "created", "a b", "a:b", "%s", "'; --", "__x", "{}", "null", "data",
		"\u6f22\u5b57 \u00e9", "\U0001F600", strings.Repeat("n", topic.MaxName)}
	for _, name := range names {
		s.append("t", plenty, topic.Entry{Name: name, Data: []byte("1")})
	}
	for i, r := range s.read("t", 0, len(names), plenty).Records {
		if r.Name != names[i] {
			s.Errorf("name %q came back as %q", names[i], r.Name)
		}
	}
}

// topicNames are names that a store might confuse, or take for patterns.
var topicNames = []string{
	"a", "A", "a ", " a", "a:", ":a", "a:b", "a::b", "a:b:", "a:*", "a*", "a?", "?", "*", "[a-z]", "a[b]", "a[^b]",
	"{a}", "{a", "a}", "{a}b", "{}", "a%", "a_", "%", "_", "a/b", "a/", "a.b", "a,b", "a;b", "a'b", "a--", "$1", "a=b", "a#b",
	"a%3Ab", "a%2A", "__a", "head", "a:head", "seq", "a:seq", "a:ids", "\u00e4", "a\u0308", "\u6f22",
	strings.Repeat("n", 255), strings.Repeat("n", 256), strings.Repeat("n", 255) + "m",
}

func namesDoNotCollide(s *scene) {
	keep := s.remembering(60)
	for _, name := range topicNames {
		a := s.append(name, keep, withID("1", name), withID("2", "second"))
		s.wantResults(a, 1, 2)
	}
	for _, name := range topicNames {
		s.want(name, keep, 2, name, "second")
	}
}

func clearOneTopic(s *scene) {
	keep := s.remembering(60)
	epochs := make(map[string]string)
	for _, name := range topicNames {
		epochs[name] = s.append(name, keep, withID("1", name)).Epoch
	}
	gone := make(map[string]bool)
	for _, name := range []string{"*", "a*", "a", "a:*", "?", "%", "a_", "[a-z]", "{a}", "a:"} {
		s.clear(name)
		gone[name] = true
	}
	for _, name := range topicNames {
		if gone[name] {
			s.want(name, keep, 0)
			continue
		}
		if p := s.want(name, keep, 1, name); p.Head.Epoch != epochs[name] {
			s.Errorf("clearing others changed the epoch of %q", name)
		}
		s.wantResults(s.append(name, keep, withID("1", "again")), -1)
	}
}

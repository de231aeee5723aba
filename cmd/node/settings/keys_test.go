package settings

import (
	"strings"
	"testing"
)

const (
	hashA = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	hashB = "sha256:486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7"
)

func TestAPIKeys(t *testing.T) {
	t.Parallel()
	l := load(t, "auth: {apiKeys: [{name: backend, hash: '"+hashA+"', may: [publish, limits]}]}")
	if len(l.APIKeys) != 1 || l.APIKeys[0].Name != "backend" || l.APIKeys[0].Hash != hashA || len(l.APIKeys[0].May) != 2 || l.JWT != nil {
		t.Errorf("keys %+v", l.APIKeys)
	}
	for keys, want := range map[string]string{
		"[]":                                 "auth.apiKeys: lists no key",
		"{}":                                 "auth.apiKeys: must be a list",
		"[{name: a, hash: '" + hashA + "'}]": "auth.apiKeys[0].may: is missing",
		"[{name: a, may: [publish]}]":        "auth.apiKeys[0].hash: is missing",
		"[{hash: '" + hashA + "', may: [publish]}]":                                                            "auth.apiKeys[0].name: is missing",
		"[{name: a, hash: '" + hashA + "', may: []}]":                                                          "auth.apiKeys[0].may: lists nothing",
		"[{name: a, hash: '" + hashA + "', may: [all]}]":                                                       `auth.apiKeys[0].may: "all" is none of publish, history`,
		"[{name: a, hash: 'sha256:12', may: [publish]}]":                                                       `auth.apiKeys[0].hash: must be "sha256:" and 64 hex digits`,
		"[{name: a, hash: '" + hashA + "', may: [publish], mya: 1}]":                                           "auth.apiKeys[0].mya: is not a setting; there are hash, may, name",
		"[{name: a, hash: '" + hashA + "', may: [publish]}, {name: a, hash: '" + hashB + "', may: [publish]}]": "auth.apiKeys[1].name: is there twice",
		"[{name: a, hash: '" + hashA + "', may: [publish]}, {name: b, hash: '" + hashA + "', may: [publish]}]": "auth.apiKeys[1].hash: is there twice",
		"[{name: \"a\\nb\", hash: '" + hashA + "', may: [publish]}]":                                           "auth.apiKeys[0].name: must be 1 to 64 printable characters",
		"[{name: a, hash: '" + strings.ToUpper(hashA) + "', may: [publish]}]":                                  "auth.apiKeys[0].hash: must be",
		"[{name: a, hash: '" + hashA + "x', may: [publish]}]":                                                  "auth.apiKeys[0].hash: must be",
		"[{name: a, hash: 'sha256:" + strings.Repeat("zz", 32) + "', may: [publish]}]":                         "auth.apiKeys[0].hash: must be",
	} {
		_, err := Load(Input{File: "t.yaml", Text: []byte("auth: {apiKeys: " + keys + "}")})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: said %v, want %s", keys, err, want)
		}
		if err != nil && strings.Contains(err.Error(), hashA[7:]) {
			t.Errorf("shows a hash: %v", err)
		}
	}
}

package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestClaims(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]struct{ id, data, fault string }{
		"":                                      {"", "", ""},
		"session=abc":                           {"", "", ""},
		"id=a_Z-9&name=Ann+Lee&color=%239c2B2a": {"a_Z-9", `{"name":"Ann Lee","color":"#9c2B2a"}`, ""},
		"id=" + strings.Repeat("x", 64):         {strings.Repeat("x", 64), `{}`, ""},
		"name=" + strings.Repeat("%C3%A9", 40):  {"", `{"name":"` + strings.Repeat("é", 40) + `"}`, ""},
		"name=%3Cb%3E%22%5C":                    {"", `{"name":"\u003cb\u003e\"\\"}`, ""},
		"name=" + strings.Repeat("%C3%A9", 41):  {"", "", "name must be"},
		"name=":                                 {"", "", "name must be"},
		"name=++":                               {"", "", "name must be"},
		"name=a%00b":                            {"", "", "name must be"},
		"name=a%0Ab":                            {"", "", "name must be"},
		"name=a%FFb":                            {"", "", "name must be"},
		"name=a%E2%80%AEb":                      {"", "", "name must be"}, // turns the text around
		"id=" + strings.Repeat("x", 65):         {"", "", "id must be"},
		"id=":                                   {"", "", "id must be"},
		"id=a%20b":                              {"", "", "id must be"},
		"id=%C3%A9":                             {"", "", "id must be"},
		"id=a%0A":                               {"", "", "id must be"},
		"id=a&id=b":                             {"", "", "id must be given once"},
		"id=a&color=red":                        {"", "", "color must be"},
		"color=%2312345":                        {"", "", "color must be"},
		"color=":                                {"", "", "color must be"},
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodGet, "/ws?"+query, nil)
			identity, err := claimed(t.Context(), r)
			if (err != nil) != (want.fault != "") || err != nil && !strings.Contains(err.Error(), want.fault) {
				t.Fatalf("error %v, want %q", err, want.fault)
			}
			if identity.ID != want.id || string(identity.Data) != want.data || len(identity.Roles) > 0 {
				t.Errorf("identity %q %s %q", identity.ID, identity.Data, identity.Roles)
			}
			w := httptest.NewRecorder()
			checkClaims(http.NotFoundHandler()).ServeHTTP(w, r)
			if status := w.Code; status == http.StatusBadRequest != (want.fault != "") {
				t.Errorf("answered %d %s", status, w.Body)
			}
		})
	}
}

// TestClaimsCountOnlyWithoutAuthentication shows that a node that asks for tokens
// does not listen to what clients say of themselves.
func TestClaimsCountOnlyWithoutAuthentication(t *testing.T) {
	t.Parallel()
	p := serve(t, nil)
	refused(t, p.url+"/ws?id=a%20b#", nil, http.StatusBadRequest)
	config := file(t, "t.yaml", `
auth: {jwt: {keys: "`+testSecret+`", algorithms: [HS256]}}
topics:
  - {match: "news:*", publish: [authenticated], subscribe: [anyone]}
`)
	q := serve(t, nil, "--config", config)
	c := dial(t, q.url+"/ws?id=ann#", nil)
	c.send(`{"type":"publish","topic":"news:1","event":"e","ref":1}`)
	if f := c.expect(`"publish-denied"`); f["reason"] != "UNAUTHENTICATED" {
		t.Errorf("denied %v", f)
	}
}

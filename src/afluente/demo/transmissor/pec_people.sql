-- Seeded people, none of them real. :people, :visits (of each), :seed and :until (a date) are given as numbers and text.
INSERT INTO tb_dim_tempo
SELECT to_char(d, 'YYYYMMDD')::bigint, d::date, extract(year FROM d)::int, extract(month FROM d)::int
  FROM generate_series(date '1930-01-01', date ':until' + 400, '1 day') d;
INSERT INTO tb_dim_tempo VALUES (30001231, '3000-12-31', 3000, 12);
INSERT INTO tb_dim_unidade_saude SELECT i, lpad((2000000 + i * 137)::text, 7, '0'), 'UBS ' || i FROM generate_series(1, :units) i;
INSERT INTO tb_dim_equipe SELECT i, lpad((100000 + i * 31)::text, 10, '0'), 'EQUIPE ' || i FROM generate_series(1, :units * 2) i;
INSERT INTO tb_dim_profissional SELECT i, '7' || lpad((i * 7919)::text, 14, '0'), 'PROFISSIONAL ' || i, 1 FROM generate_series(1, :units * 6) i;
INSERT INTO tb_dim_municipio VALUES (1, '2704302', 'Maceió', 27);
INSERT INTO tb_dim_cbo VALUES (1, '225142', 'Médico da estratégia de saúde da família'), (2, '223505', 'Enfermeiro'),
  (3, '515105', 'Agente comunitário de saúde'), (4, '223208', 'Cirurgião dentista'), (5, '223115', 'Médico clínico');
INSERT INTO tb_dim_cid VALUES (1, 'I10', 'Hipertensão essencial'), (2, 'E11', 'Diabetes mellitus tipo 2'), (3, 'Z34', 'Gravidez normal'),
  (4, 'J06', 'Infecção das vias aéreas'), (5, 'O10', 'Hipertensão na gravidez'), (6, '-', 'NÃO INFORMADO');
INSERT INTO tb_dim_ciap VALUES (1, 'K86', 'Hipertensão sem complicações'), (2, 'T90', 'Diabetes não insulino-dependente'),
  (3, 'W78', 'Gravidez'), (4, 'R74', 'Infecção respiratória'), (5, 'ABP005', 'Hipertensão'), (6, 'ABP001', 'Pré-natal'),
  (7, 'ABP006', 'Diabetes'), (8, '-', 'NÃO INFORMADO');
INSERT INTO tb_dim_sexo VALUES (1, 'Masculino', 'M'), (2, 'Feminino', 'F');
INSERT INTO tb_dim_procedimento VALUES (1, '0301100039', 'Aferição de pressão arterial'), (2, '0201020033', 'Coleta de citopatológico'),
  (3, '0202010503', 'Hemoglobina glicada'), (4, 'ABPG010', 'Coleta de citopatológico (AB)');
INSERT INTO tb_dim_imunobiologico VALUES (1, '42', 'Pentavalente'), (2, '22', 'Poliomielite inativada'), (3, '33', 'Influenza');
INSERT INTO tb_dim_dose_imunobiologico VALUES (1, '1', '1ª dose'), (2, '2', '2ª dose'), (3, '3', '3ª dose');
INSERT INTO tb_fat_cidadao_pec
SELECT i, 1000000 + i,
       CASE WHEN i % 97 = 0 THEN md5(i::text || ':seed') ELSE '8' || lpad(((i * 48271 + :seed) % 99999999)::text, 14, '0') END,
       CASE WHEN i % 11 = 0 THEN NULL ELSE lpad(((i * 69621 + :seed) % 9999999999)::text, 11, '0') END,
       (ARRAY['MARIA','JOÃO','ANA','JOSÉ','FRANCISCA','ANTÔNIO','LUÍZA','PEDRO'])[1 + (i + :seed) % 8] || ' ' ||
       (ARRAY['DA SILVA','SANTOS','OLIVEIRA','PEREIRA','D''ÁVILA','LIMA'])[1 + (i / 8) % 6] || ' ' || i,
       CASE WHEN i % 301 = 0 THEN E'NOME\tCOM\\BARRA\n' || i END,
       CASE WHEN i % 199 = 0 THEN 30001231 ELSE to_char(date '1940-01-01' + ((i * 7907 + :seed) % 29000)::int, 'YYYYMMDD')::bigint END,
       2 - i % 2, CASE WHEN i % 3 = 0 THEN NULL ELSE '82' || lpad(((i * 7) % 999999999)::text, 9, '9') END,
       (i % 113 = 0)::int, (i % 211 = 0)::int, 1 + i % :units, 1 + i % (:units * 2)
  FROM generate_series(1::bigint, :people) i;
INSERT INTO tb_fat_cad_individual
SELECT i, md5('cad' || i || ':seed'), i, to_char(date ':until' - ((i * 13) % 900)::int, 'YYYYMMDD')::bigint, 1 + i % (:units * 2),
       1 + i % :units, 1 + i % (:units * 6), lpad((i % 90)::text, 2, '0'),
       CASE WHEN i % 50 = 0 THEN md5(i::text) ELSE '8' || lpad(((i * 48271 + :seed) % 99999999)::text, 14, '0') END, NULL,
       (i % 5 = 0)::int, (i % 9 = 0)::int, (i % 40 = 2)::int, 0
  FROM generate_series(1::bigint, :people) i;
INSERT INTO tb_fat_atendimento_individual
SELECT i, md5('atd' || i || ':seed'), i, 1 + i % :people, to_char(d, 'YYYYMMDD')::bigint,
       CASE WHEN i % 20 = 1 THEN to_char(d - 90, 'YYYYMMDD')::bigint ELSE 30001231 END,
       CASE WHEN i % 20 = 1 THEN 13 END, 1, 1 + i % (:units * 6), 1 + i % 5, 1 + (1 + i % :people) % :units, 1 + i % (:units * 2),
       50 + i % 60, 150 + i % 40, CASE WHEN i % 4 = 0 THEN '|I10|' ELSE '|' END, CASE WHEN i % 3 = 0 THEN '|K86|' ELSE '|' END,
       d + time '08:00', d + time '08:20'
  FROM (SELECT i, date ':until' - ((i * 17) % 730)::int AS d FROM generate_series(1::bigint, :people * :visits) i) t;
INSERT INTO tb_fat_atd_ind_problemas
SELECT a.co_seq_fat_atd_ind, a.co_seq_fat_atd_ind, a.co_fat_cidadao_pec, 1 + (a.co_seq_fat_atd_ind * 5) % 6, 1 + (a.co_seq_fat_atd_ind * 3) % 8,
       a.co_dim_tempo, a.co_dim_cbo_1
  FROM tb_fat_atendimento_individual a;
INSERT INTO tb_fat_proced_atend_proced
SELECT i, 1 + i % :people, to_char(date ':until' - ((i * 19) % 1100)::int, 'YYYYMMDD')::bigint, 1 + i % 4, 1 + i % 5, 1 + i % (:units * 2), 1 + i % :units
  FROM generate_series(1::bigint, :people) i;
INSERT INTO tb_fat_visita_domiciliar
SELECT i, md5('vis' || i || ':seed'), 1 + i % :people,
       CASE WHEN i % 499 = 0 THEN 30001231 ELSE to_char(date ':until' - ((i * 23) % 365)::int, 'YYYYMMDD')::bigint END,
       1 + i % (:units * 6), 1 + i % (:units * 2), 1 + i % :units, lpad((i % 90)::text, 2, '0')
  FROM generate_series(1::bigint, :people * :visits) i;
INSERT INTO tb_fat_vacinacao
SELECT i, md5('vac' || i || ':seed'), 1 + i % :people, 1 + i % (:units * 2), 1 + i % :units, to_char(date ':until' - ((i * 29) % 500)::int, 'YYYYMMDD')::bigint
  FROM generate_series(1::bigint, :people) i;
INSERT INTO tb_fat_vacinacao_vacina
SELECT v.co_seq_fat_vacinacao, v.co_seq_fat_vacinacao, 1 + v.co_seq_fat_vacinacao % 3, 1 + v.co_seq_fat_vacinacao % 3, v.co_dim_tempo, v.co_dim_unidade_saude
  FROM tb_fat_vacinacao v;
CREATE INDEX ON tb_fat_atendimento_individual (co_fat_cidadao_pec);
CREATE INDEX ON tb_fat_atd_ind_problemas (co_fat_atd_ind);
ANALYZE;

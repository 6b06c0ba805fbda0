WITH consulta AS (
  SELECT a.co_fat_cidadao_pec AS cidadao, count(*) AS consultas, max(a.co_dim_tempo) AS ultima
    FROM tb_fat_atendimento_individual a
    JOIN tb_fat_atd_ind_problemas p ON p.co_fat_atd_ind = a.co_seq_fat_atd_ind
    JOIN tb_dim_cbo b ON b.co_seq_dim_cbo = a.co_dim_cbo_1
    LEFT JOIN tb_dim_cid d ON d.co_seq_dim_cid = p.co_dim_cid
    LEFT JOIN tb_dim_ciap i ON i.co_seq_dim_ciap = p.co_dim_ciap
   WHERE (i.nu_ciap IN ('K86', 'K87', 'ABP005') OR d.nu_cid ~ '^(I1[0-5]|O1[01])')
     AND b.nu_cbo ~ '^(2251|2252|2253|2231|2235)'
     AND a.co_dim_tempo < 30000000
   GROUP BY a.co_fat_cidadao_pec
), cadastro AS (
  SELECT DISTINCT ON (c.co_fat_cidadao_pec) c.co_fat_cidadao_pec AS cidadao, c.nu_micro_area, c.st_hipertensao_arterial = 1 AS autorreferida
    FROM tb_fat_cad_individual c
   WHERE c.st_ficha_inativa = 0
   ORDER BY c.co_fat_cidadao_pec, c.co_dim_tempo DESC, c.co_seq_fat_cad_individual DESC
), procedimento AS (
  SELECT f.co_fat_cidadao_pec AS cidadao, max(f.co_dim_tempo) AS ultimo
    FROM tb_fat_proced_atend_proced f
    JOIN tb_dim_procedimento r ON r.co_seq_dim_procedimento = f.co_dim_procedimento
   WHERE r.co_proced = '0301100039' AND f.co_dim_tempo < 30000000
   GROUP BY f.co_fat_cidadao_pec
)
SELECT z.co_seq_fat_cidadao_pec AS co_cidadao,
       z.no_cidadao,
       z.no_social_cidadao,
       z.nu_cns,
       z.nu_cpf_cidadao,
       z.co_dim_tempo_nascimento AS nascimento,
       s.sg_sexo AS sexo,
       z.nu_telefone_celular,
       u.nu_cnes,
       u.no_unidade_saude,
       e.nu_ine,
       e.no_equipe,
       c.nu_micro_area,
       coalesce(c.autorreferida, false) AS autorreferida,
       k.cidadao IS NOT NULL AS diagnosticada,
       coalesce(k.consultas, 0) AS consultas,
       k.ultima AS ultima_consulta,
       p.ultimo AS ultimo_procedimento
  FROM tb_fat_cidadao_pec z
  LEFT JOIN consulta k ON k.cidadao = z.co_seq_fat_cidadao_pec
  LEFT JOIN cadastro c ON c.cidadao = z.co_seq_fat_cidadao_pec
  LEFT JOIN procedimento p ON p.cidadao = z.co_seq_fat_cidadao_pec
  LEFT JOIN tb_dim_sexo s ON s.co_seq_dim_sexo = z.co_dim_sexo
  LEFT JOIN tb_dim_unidade_saude u ON u.co_seq_dim_unidade_saude = z.co_dim_unidade_saude_vinc
  LEFT JOIN tb_dim_equipe e ON e.co_seq_dim_equipe = z.co_dim_equipe_vinc
 WHERE (k.cidadao IS NOT NULL OR c.autorreferida)
   AND coalesce(z.st_faleceu, 0) = 0
   AND coalesce(z.st_deletar, 0) = 0
